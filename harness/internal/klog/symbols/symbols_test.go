package symbols

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/klog"
	"github.com/kmodtest/kmodtest/images/arch"
)

// source has functions in several sections, as a module does, and one that is
// inlined from a header. The lines that are looked up are marked.
const source = `volatile int here;
__attribute__((used, section(".modinfo"))) const char version[] = "license=GPL\0vermagic=6.1.0-some SMP mod_unload ";
#include "inlined.h"
#define in(s) __attribute__((noinline, used, section(s)))
in(".text") void fault(void)
{
	here = 1; /* fault */
}
in(".init.text") int begin(void)
{
	fault(); /* call */
#ifdef OTHER
	here = 3;
#endif
	return inlined(1) + 2; /* inlined */
}
in(".exit.text") void end(void)
{
	here = 2; /* end */
}
in(".text") __attribute__((noreturn)) void stop(void)
{
	for (;;)
		here = 5;
}
in(".stop.text") void stops(void)
{
	stop(); /* stop */
}
in(".stop.text") void after(void)
{
	here = 4; /* after */
}
`

const header = `static inline __attribute__((always_inline)) int inlined(int x)
{
	return here + x;
}
`

// compile makes an object of source with debug information and returns its path.
func compile(t *testing.T, name string, flags ...string) string {
	t.Helper()
	return compileWith(t, "gcc", name, append(flags, "-mno-sse", "-mpreferred-stack-boundary=3", "-fcf-protection=none")...)
}

func compileWith(t *testing.T, gcc, name string, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	for file, text := range map[string]string{"mod.c": source, "inlined.h": header} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(gcc, append(flags, "-O2", "-ffreestanding", "-o", name, "mod.c")...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, name)
}

// lineOf returns the number of the line of source with a mark.
func lineOf(mark string) int {
	before, _, _ := strings.Cut(source, "/* "+mark+" */")
	return strings.Count(before, "\n") + 1
}

// frame returns a frame at an offset of a function of an object.
func frame(t *testing.T, path, function, module string, offset uint64) klog.Frame {
	t.Helper()
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	symbols, err := file.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range symbols {
		if s.Name == function {
			return klog.Frame{Function: function, Offset: offset, Size: s.Size, Module: module}
		}
	}
	t.Fatalf("no function %s in %s", function, path)
	return klog.Frame{}
}

func check(t *testing.T, got klog.Frame, mark string) {
	t.Helper()
	if filepath.Base(got.File) != "mod.c" || got.Line != lineOf(mark) {
		t.Errorf("%s: got %s:%d, want line %d, marked %q", got.Function, got.File, got.Line, lineOf(mark), mark)
	}
}

func TestModuleFrames(t *testing.T) {
	for _, version := range []string{"4", "5"} {
		path := compile(t, "some-mod.ko", "-c", "-gdwarf-"+version)
		back := frame(t, path, "begin", "some_mod", 5) // a call is 5 bytes long
		back.Return = true
		fault := klog.Fault{Frames: []klog.Frame{
			frame(t, path, "fault", "some_mod", 0), back,
			frame(t, path, "begin", "some_mod", 8), frame(t, path, "end", "some_mod", 0),
		}}
		var table Table
		table.AddModule(path)
		table.Resolve(&fault)
		for i, mark := range []string{"fault", "call", "inlined", "end"} {
			check(t, fault.Frames[i], mark)
		}
	}
}

// Modules for other architectures have other relocations in their debug information, and other byte orders.
func TestModuleFramesOfOtherArchitectures(t *testing.T) {
	for _, name := range []string{"arm64", "riscv64", "s390x"} {
		target, err := arch.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		const id = "0123456789abcdef0123456789abcdef01234567"
		path := compileWith(t, target.Prefix()+"gcc", "some-mod.ko", "-r", "-nostdlib", "-g", "-Wl,--build-id=0x"+id)
		o, err := readObject(path)
		if err != nil {
			t.Fatal(err)
		}
		if o.buildID != id {
			t.Errorf("%s: the build ID is %s", name, o.buildID)
		}
		fault := klog.Fault{Frames: []klog.Frame{
			frame(t, path, "fault", "some_mod", 0), frame(t, path, "end", "some_mod", 0),
		}}
		var table Table
		table.AddModule(path)
		table.Resolve(&fault)
		for i, mark := range []string{"fault", "end"} {
			check(t, fault.Frames[i], mark)
		}
	}
}

// Newer assemblers write distances as LEB128 numbers, too. Their length stays.
func TestDistanceAsLEB128(t *testing.T) {
	for _, want := range []uint64{0, 5, 200, 16383} {
		data := []byte{0x80, 0x80, 0x00, 0xff}
		relocate(data, setULEB128, 70000+want)
		relocate(data, subULEB128, 70000)
		if got, n := binary.Uvarint(data); got != want || n != 3 || data[3] != 0xff {
			t.Errorf("%d: got %d of %d bytes, and %#x behind", want, got, n, data[3])
		}
	}
}

// A function that ends with a call returns to the beginning of the next one.
func TestCallerIsNotNextFunction(t *testing.T) {
	path := compile(t, "some-mod.ko", "-c", "-g", "-falign-functions=1")
	entry, back := frame(t, path, "after", "some_mod", 0), frame(t, path, "after", "some_mod", 0)
	back.Return = true
	fault := klog.Fault{Frames: []klog.Frame{entry, back}}
	Resolve([]klog.Fault{fault}, "", path)
	check(t, fault.Frames[0], "after")
	check(t, fault.Frames[1], "stop")
	if got := fault.Frames[1].Function; got != "stops" {
		t.Errorf("the caller is %s, want stops", got)
	}
}

func TestKernelFrames(t *testing.T) {
	path := compile(t, "vmlinux", "-g", "-nostdlib", "-static", "-Wl,-e,fault")
	module := compile(t, "some-mod.ko", "-c", "-g")
	fault := klog.Fault{Frames: []klog.Frame{frame(t, path, "fault", "", 0), frame(t, path, "end", "", 0), frame(t, module, "end", "some_mod", 0)}}
	Resolve([]klog.Fault{fault}, path, module)
	check(t, fault.Frames[0], "fault")
	check(t, fault.Frames[1], "end")
	check(t, fault.Frames[2], "end")
}

// Another build of a module, with functions of other sizes, is not used.
func TestOtherBuildIsNotUsed(t *testing.T) {
	other := compile(t, "some-mod.ko", "-c", "-g", "-DOTHER")
	path := compile(t, "some-mod.ko", "-c", "-g")
	for _, order := range [][]string{{other}, {other, path}} {
		var table Table
		for _, p := range order {
			table.AddModule(p)
		}
		fault := klog.Fault{Frames: []klog.Frame{frame(t, path, "begin", "some_mod", 8)}}
		fault.Frames[0].Size = frame(t, path, "begin", "some_mod", 0).Size
		table.Resolve(&fault)
		if len(order) == 1 && fault.Frames[0].File != "" {
			t.Errorf("the wrong build gave %s", fault.Frames[0])
		}
		if len(order) == 2 {
			check(t, fault.Frames[0], "inlined")
		}
	}
}

// A log of a stranger names a module of another kernel that happens to be like one in the cache.
func TestModulesOfOtherKernelsAreNotTakenFromTheCache(t *testing.T) {
	built := compile(t, "some-mod.ko", "-c", "-g")
	cache := t.TempDir()
	entry := filepath.Join(cache, "modules", "key")
	if err := errors.Join(os.MkdirAll(entry, 0o700), os.Rename(built, filepath.Join(entry, "some-mod.ko"))); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(entry, "some-mod.ko")
	for release, known := range map[string]bool{"6.1.0-some": true, "5.10.0-other": false, "": true} {
		var table Table
		if err := table.AddCache(cache); err != nil {
			t.Fatal(err)
		}
		fault := klog.Fault{Report: []string{"BUG: bad"}, Frames: []klog.Frame{frame(t, path, "fault", "some_mod", 0)}}
		if release != "" {
			fault.Report = append(fault.Report, "CPU: 0 PID: 7 Comm: insmod Tainted: G           O       "+release+" #1 SMP")
		}
		table.Resolve(&fault)
		if got := fault.Frames[0].File != ""; got != known {
			t.Errorf("release %q: file %q, want one: %v", release, fault.Frames[0].File, known)
		}
	}
}

func TestCheckFailsWithoutDebugInformation(t *testing.T) {
	var table Table
	for _, path := range []string{compile(t, "plain.ko", "-c"), filepath.Join(t.TempDir(), "missing.ko")} {
		if err := table.Check(path); err == nil || !strings.Contains(fmt.Sprint(err), "read debug information") {
			t.Errorf("%s: got %v", path, err)
		}
	}
}
