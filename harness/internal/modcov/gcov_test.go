package modcov

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/coverage"
	"github.com/kmodtest/kmodtest/harness/internal/kbuild"
)

const program1 = `#include <stdio.h>
static __attribute__((noinline)) int never(int n)
{
	return n ? 1 : 2;
}
static int twice(int n)
{
	if (n > 3 && n % 2)
		return never(n);
	return 2 * n;
}
int other(int n);
int main(int argc, char **argv)
{
	int i, sum = 0;

	for (i = 0; i < argc + 2; i++)
		sum += twice(i) + other(i);
	return sum == 42;
}
`

const program2 = `static int twice(int n) { return n == 1 ? 7 : 2 * n; }
int other(int n) { return twice(n); }
`

// run runs a program in a directory, and returns its output.
func run(t *testing.T, dir, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var said bytes.Buffer
	cmd.Dir, cmd.Stderr = dir, &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, said.Bytes())
	}
	return out
}

// TestNumbersAreThoseOfGcov runs a program with gcc's own runtime, which writes its
// counters, and compares.
func TestNumbersAreThoseOfGcov(t *testing.T) {
	dir := t.TempDir()
	var objects []string
	for name, text := range map[string]string{"one": program1, "two": program2} {
		if err := os.WriteFile(filepath.Join(dir, name+".c"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		run(t, dir, "gcc", "-O2", "-c", "-fprofile-arcs", "-ftest-coverage", "-fprofile-update=atomic", filepath.Join(dir, name+".c"))
		objects = append(objects, name+".o")
	}
	slices.Sort(objects)
	run(t, dir, "ld", append([]string{"-r", "-o", "both.ko"}, objects...)...)
	run(t, dir, "gcc", append([]string{"--coverage", "-o", "both"}, objects...)...)
	run(t, dir, "./both")
	want := gcovOf(t, dir, objects)
	checkOutLater(t, filepath.Join(dir, "one.c"), filepath.Join(dir, "two.c"))

	m, err := ReadModule("both", filepath.Join(dir, "both.ko"), kbuild.Notes{Dir: dir, Root: dir, Compiler: "gcc"})
	if err != nil {
		t.Fatal(err)
	}
	if m == nil || len(m.objects) != 2 {
		t.Fatalf("the module is %+v, want one with two objects", m)
	}
	c := NewCounters([]*Module{m})
	for _, o := range m.objects {
		counts := readData(t, o.data)
		for _, f := range o.functions {
			if copy(c.totals[m][f.first:f.first+f.counters], counts[f.ident]) != int(f.counters) {
				t.Errorf("%s: function %x has not %d counters", o.data, f.ident, f.counters)
			}
		}
	}
	c.tests["TestAll"] = testCounts{m: {}}
	for i, n := range c.totals[m] {
		c.tests["TestAll"][m][uint32(i)] = n
	}
	got, err := c.Profile(t.Context(), "6.1", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Files) != 2 {
		t.Fatalf("there are %d files, want 2", len(got.Files))
	}
	if len(got.Notes) > 0 {
		t.Errorf("notes: %q", got.Notes)
	}
	wantLines(t, got, want)
	if s := got.Summary(); s.LinesReached == s.Lines || s.LinesReached == 0 || s.BranchesReached == s.Branches {
		t.Errorf("the program reaches %+v, want some but not all", s)
	}

	if err := os.WriteFile(filepath.Join(dir, "one.c"), []byte(program1+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err = c.Profile(t.Context(), "6.1", t.TempDir())
	if err != nil || len(got.Notes) != 1 || !strings.HasPrefix(got.Notes[0], filepath.Join(dir, "one.c")+" was changed ") {
		t.Errorf("after a change of one.c the notes are %q, %v", got.Notes, err)
	}
}

// checkOutLater makes files newer, as a new checkout of the same text does.
func checkOutLater(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		later := time.Now().Add(time.Hour)
		if err := os.Chtimes(path, later, later); err != nil {
			t.Fatal(err)
		}
	}
}

// wantLines fails the test if the profile does not have the lines that gcov has.
func wantLines(t *testing.T, got *coverage.Profile, want map[linePlace]*coverage.Line) {
	t.Helper()
	for i := range got.Files {
		f := &got.Files[i]
		for _, l := range f.Lines {
			key := linePlace{f.Name, l.Number}
			if line, ok := want[key]; !ok || l.Count != line.Count || !slices.EqualFunc(l.Forks, line.Forks, slices.Equal) {
				t.Errorf("%s:%d is %+v, gcov says %+v", f.Name, l.Number, l, want[key])
			}
			if reached := len(l.Tests) == 1; reached != (l.Count > 0) {
				t.Errorf("%s:%d is executed %d times, by tests %v", f.Name, l.Number, l.Count, l.Tests)
			}
			delete(want, key)
		}
	}
	if len(want) > 0 {
		t.Errorf("gcov has further lines: %v", want)
	}
}

type linePlace struct {
	file string
	line int
}

// gcovOf returns the lines that gcov reports for the data that gcc's runtime wrote.
func gcovOf(t *testing.T, dir string, objects []string) map[linePlace]*coverage.Line {
	t.Helper()
	lines := map[linePlace]*coverage.Line{}
	in := json.NewDecoder(bytes.NewReader(run(t, dir, "gcov", append([]string{"--json-format", "--stdout", "--branch-probabilities"}, objects...)...)))
	for range objects {
		var r report
		if err := in.Decode(&r); err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Files {
			for _, l := range f.Lines {
				key := linePlace{filepath.Join(dir, filepath.Base(f.Name)), l.Number}
				if lines[key] == nil {
					lines[key] = &coverage.Line{}
				}
				lines[key].Count += uint64(l.Count)
				var fork coverage.Fork
				for _, b := range l.Branches {
					fork = append(fork, uint64(b.Count))
				}
				lines[key].Add(fork)
			}
		}
	}
	return lines
}

// readData returns the counters in a .gcda file, by the identifier of the function.
func readData(t *testing.T, path string) map[uint32][]uint64 {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	word := func(at int) uint32 { return binary.LittleEndian.Uint32(data[at:]) }
	unit, at := 4, 12
	if data[7] == 'B' && data[6] >= '2' || data[7] > 'B' {
		unit, at = 1, 16
	}
	counts := map[uint32][]uint64{}
	function := uint32(0)
	for at+8 <= len(data) && word(at) != 0 {
		tag, length := word(at), int(int32(word(at+4)))
		at += 8
		switch {
		case tag == tagFunction && length > 0:
			function = word(at)
		case tag == tagCounters && length < 0: // all are zero, and left out
			counts[function] = make([]uint64, -length*unit/8)
			continue
		case tag == tagCounters:
			for i := 0; i < length*unit; i += 8 {
				counts[function] = append(counts[function], binary.LittleEndian.Uint64(data[at+i:]))
			}
		}
		at += length * unit
	}
	return counts
}

func TestGcovStandsBesideGcc(t *testing.T) {
	for cc, want := range map[string]string{
		"gcc": "gcov", "gcc-12": "gcov-12", "/opt/gcc/bin/x86_64-linux-gnu-gcc-14": "/opt/gcc/bin/x86_64-linux-gnu-gcov-14", "cc": "gcov",
	} {
		if got := program(cc); got != want {
			t.Errorf("the gcov of %s is %s, want %s", cc, got, want)
		}
	}
}

func TestFilesWithoutCountersAreNotModules(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "plain.c"), []byte("int f(void) { return 1; }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "gcc", "-c", "plain.c")
	m, err := ReadModule("plain", filepath.Join(dir, "plain.o"), kbuild.Notes{Dir: dir})
	if m != nil || err != nil {
		t.Errorf("got %+v, %v", m, err)
	}
}
