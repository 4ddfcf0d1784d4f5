// Package crossbuild makes the test binary for a guest whose architecture is not that of the host, and recognizes the
// architecture of programs.
package crossbuild

import (
	"context"
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/gobuild"
	"github.com/kmodtest/kmodtest/harness/internal/initramfs"
	"github.com/kmodtest/kmodtest/images/arch"
)

// narrow are the ELF machine types of 32-bit programs, by GOARCH.
var narrow = map[elf.Machine]string{elf.EM_386: "386", elf.EM_ARM: "arm"}

// ArchOf returns GOARCH of a program, or the name of its machine type. It returns "" if the file is no ELF file, such as a
// script.
func ArchOf(path string) string {
	file, err := elf.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	if name := narrow[file.Machine]; name != "" {
		return name
	}
	for _, name := range arch.Names() {
		if a, err := arch.Find(name); err == nil && a.ELF == file.Machine && file.Class == elf.ELFCLASS64 && a.Order == file.ByteOrder {
			return name
		}
	}
	return strings.ToLower(strings.TrimPrefix(file.Machine.String(), "EM_"))
}

// Runs reports whether a kernel for an architecture runs the program, as far as its file shows that.
func Runs(kernel arch.Arch, path string) bool {
	goarch := ArchOf(path)
	return goarch == "" || goarch == kernel.Name || goarch == kernel.Narrow
}

// Useless returns the names of programs among files of the host that a kernel for an architecture does not run.
func Useless(kernel string, files []initramfs.File) (names []string) {
	a, err := arch.Find(kernel)
	if err != nil || a.IsHost() {
		return nil
	}
	for _, f := range files {
		name := filepath.Base(f.Path)
		if !Runs(a, f.Source()) && !strings.Contains(name, ".so") && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// MismatchError reports that a program is for another architecture than the kernel.
type MismatchError struct {
	Path   string
	Kernel arch.Arch
}

func (e *MismatchError) Error() string {
	goarch := ArchOf(e.Path)
	advice := "build it with GOARCH=" + e.Kernel.Name
	if a, err := arch.Of(goarch); err == nil {
		advice += ", or choose a kernel for " + a.Name
		if a.IsHost() {
			advice += " with KMODTEST_ARCH=" + a.Name
		}
	}
	return fmt.Sprintf("%s is a program for %s, and the kernel is for %s: %s", e.Path, goarch, e.Kernel.Name, advice)
}

// Request describes the test binary to build.
type Request struct {
	Binary string // path of the test binary for the host
	Dir    string // of its package
	Kernel arch.Arch
	// CoverMode is the -covermode of Binary, which its build information does not have; "" is go's default.
	CoverMode string
	// Parent is the process ID of the go command that has built Binary, which knows -coverpkg.
	Parent   int
	Building func() // called if there is something to build
}

// Tests builds a test binary again for the kernel's architecture, with the flags that it was built with, or finds it in the
// cache.
func Tests(ctx context.Context, cacheDir string, r Request) (gobuild.Program, error) {
	info, err := buildinfo.ReadFile(r.Binary)
	if err != nil {
		return gobuild.Program{}, fmt.Errorf("build the tests for %s: read how %s was built: %w", r.Kernel.Name, r.Binary, err)
	}
	path, isTest := strings.CutSuffix(info.Path, ".test")
	if !isTest {
		return gobuild.Program{}, fmt.Errorf("build the tests for %s: %s is not a test binary", r.Kernel.Name, r.Binary)
	}
	t := gobuild.Tests{Dir: r.Dir, Package: path, Arch: r.Kernel.Name}
	t.Flags, t.Race = r.flags(info)
	name := r.Kernel.Prefix() + "gcc"
	if t.CC, err = exec.LookPath(name); err != nil {
		t.CC = ""
		t.NoCC = fmt.Sprintf("the tests for %s are built without cgo and without the race detector: there is no %s (Debian and Ubuntu: apt-get install %s libc6-dev-%s-cross)",
			r.Kernel.Name, name, r.Kernel.CompilerPackage(), r.Kernel.Debian)
	}
	return gobuild.BuildTests(ctx, cacheDir, t, r.Building)
}

// kept are the settings in a binary's build information that are flags of the go command.
var kept = []string{"-asmflags", "-gcflags", "-ldflags", "-tags", "-trimpath"}

// flags returns the flags of the go command for a binary with that build information, and whether it has the race detector.
func (r Request) flags(info *debug.BuildInfo) (flags []string, race bool) {
	values := map[string]string{}
	for _, setting := range info.Settings {
		values[setting.Key] = setting.Value
	}
	for _, name := range kept {
		if value, ok := values[name]; ok {
			flags = append(flags, name+"="+value)
		}
	}
	if values["-cover"] == "true" {
		flags = append(flags, "-cover")
		if r.CoverMode != "" {
			flags = append(flags, "-covermode="+r.CoverMode)
		}
		cwd, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(r.Parent), "cwd"))
		if packages := flagOf(r.Parent, "coverpkg"); packages != "" && err == nil {
			flags = append(flags, "-coverpkg="+absolutePatterns(packages, cwd))
		}
	}
	return flags, values["-race"] == "true"
}

// flagOf returns the value of a flag of the go command that runs as a process, or "".
func flagOf(pid int, name string) string {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	if err != nil {
		return ""
	}
	return flagIn(strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00"), name)
}

// flagIn returns the value of a flag in a command line of the go command, or "".
func flagIn(words []string, name string) string {
	if filepath.Base(words[0]) != "go" {
		return ""
	}
	for i, word := range words {
		flag, value, inline := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(word, "-"), "-"), "=")
		switch {
		case !strings.HasPrefix(word, "-") || flag != name:
		case inline:
			return value
		case i+1 < len(words):
			return words[i+1]
		}
	}
	return ""
}

// absolutePatterns returns patterns of packages, separated by commas, with directories that are absolute.
func absolutePatterns(patterns, cwd string) string {
	list := strings.Split(patterns, ",")
	for i, pattern := range list {
		if pattern == "." || pattern == ".." || strings.HasPrefix(pattern, "./") || strings.HasPrefix(pattern, "../") {
			list[i] = filepath.Join(cwd, pattern)
		}
	}
	return strings.Join(list, ",")
}
