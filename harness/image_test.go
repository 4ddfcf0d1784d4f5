package harness_test

import (
	"debug/elf"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// imaged runs the tests of testdata/foreign/faults, or a program, in a kernel, with images of
// memory. It returns the directory of the images and their names.
func imaged(t *testing.T, env []string, args ...string) (dir string, names []string, out string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "images")
	out, _ = foreign(t, append(env, "KMODTEST_DUMP="+dir), args...)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return dir, names, out
}

// checkImage checks that a file is an image of a machine's memory, with the state of the
// processors and the kernel's description of its memory.
func checkImage(t *testing.T, path string) {
	t.Helper()
	image, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer image.Close()
	var memory uint64
	var notes []byte
	for _, segment := range image.Progs {
		switch segment.Type {
		case elf.PT_NOTE:
			if notes, err = io.ReadAll(segment.Open()); err != nil {
				t.Fatal(err)
			}
		case elf.PT_LOAD:
			memory += segment.Filesz
		}
	}
	if image.Type != elf.ET_CORE || memory < 500<<20 {
		t.Errorf("%s: a file of type %v with %d MiB of memory", path, image.Type, memory>>20)
	}
	for _, want := range []string{"CORE\x00", "VMCOREINFO\x00", "OSRELEASE=6.1."} {
		if !strings.Contains(string(notes), want) {
			t.Errorf("%s: the notes lack %q", path, want)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%s: %v, want a file of the user alone", path, info.Mode())
	}
}

// Each fault has a machine of its own: a panic may end a machine before the image of a warning shortly
// before it is taken.
func TestImagesOfMemoryAreKept(t *testing.T) {
	t.Parallel()
	for _, test := range []string{"TestKills", "TestWarns"} {
		dir, names, out := imaged(t, nil, "test", "-v", "-run=Before|After|"+test, "./faults")
		if len(names) != 1 || !regexp.MustCompile(`^faults-6\.1\.\S+-`+test+`\.elf$`).MatchString(names[0]) {
			t.Errorf("images %q, want one of %s\n%s", names, test, out)
			continue
		}
		path := filepath.Join(dir, names[0])
		checkImage(t, path)
		told := regexp.MustCompile(`(?s)=== RUN   ` + test + `\n.*the memory of the machine is in ` + regexp.QuoteMeta(path) + `\n.*--- FAIL: ` + test)
		if !told.MatchString(out) {
			t.Errorf("the output of %s does not name its image\n%s", test, out)
		}
	}
}

func TestImageOfHangIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := newCommand(t, []string{"KMODTEST_SILENCE=30s", "KMODTEST_DUMP=" + dir}, binary(t, "red"), "-test.v", "-test.run=^TestFreezesInit$")
	status := c.status(t)
	names, err := filepath.Glob(filepath.Join(dir, "*.elf"))
	if err != nil || len(names) != 1 {
		t.Fatalf("images %q, %v, status %d; want one\n%s%s", names, err, status, &c.stdout, &c.stderr)
	}
	checkImage(t, names[0])
	if want := "the memory of the machine is kept in " + names[0]; !strings.Contains(c.stderr.String(), want) {
		t.Errorf("standard error lacks %q\n%s", want, &c.stderr)
	}
}

func TestFaultsThatAreAllowedLeaveNoImage(t *testing.T) {
	t.Parallel()
	if _, names, out := imaged(t, nil, "run", "--allow", "crash_warn", "--", "/bin/sh", "-c", "echo warn >/proc/crash"); len(names) > 0 {
		t.Errorf("images %q, want none\n%s", names, out)
	}
}
