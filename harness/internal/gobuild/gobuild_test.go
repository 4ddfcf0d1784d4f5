package gobuild

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// writeProgram writes a program and its module, and returns their directory.
func writeProgram(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.com/program\n", "main.go": "package main\n\nfunc main() {}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// GOFLAGS is meant for the user's own programs and tests.
func TestBuildIsPlain(t *testing.T) {
	for _, flags := range []string{"-race", "-cover", "-buildmode=pie"} {
		t.Setenv("GOFLAGS", flags)
		program, err := Build(t.Context(), t.TempDir(), writeProgram(t), ".", "")
		if err != nil {
			t.Errorf("GOFLAGS=%s: %v", flags, err)
			continue
		}
		file, err := elf.Open(program.Path)
		if err != nil {
			t.Fatal(err)
		}
		if file.Type != elf.ET_EXEC {
			t.Errorf("GOFLAGS=%s: the program is of type %v, want %v", flags, file.Type, elf.ET_EXEC)
		}
		_ = file.Close()
		// A program built for coverage complains that GOCOVERDIR is not set.
		if out, err := exec.Command(program.Path).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("GOFLAGS=%s: the program ends with %v and prints %q", flags, err, out)
		}
	}
}

// Git refuses, for one, a repository that another user owns.
func TestBuildNeedsNoVersionControl(t *testing.T) {
	t.Setenv("GOFLAGS", "-buildvcs=auto") // the default, whatever go env says
	dir := writeProgram(t)
	if err := os.WriteFile(filepath.Join(dir, "main_test.go"), []byte("package main\n\nimport _ \"testing\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, ".git"), 0o755); err != nil { // git status fails
		t.Fatal(err)
	}
	if _, err := Build(t.Context(), t.TempDir(), dir, ".", ""); err != nil {
		t.Error(err)
	}
	if _, err := BuildTests(t.Context(), t.TempDir(), Tests{Dir: dir, Package: ".", Arch: "arm64"}, nil); err != nil {
		t.Error(err)
	}
}

func TestManyBuildsAtOnceAreOne(t *testing.T) {
	dir, cache := writeProgram(t), t.TempDir()
	var builds atomic.Int32
	var wait sync.WaitGroup
	programs := make([]Program, 8)
	for i := range programs {
		wait.Go(func() {
			var err error
			programs[i], err = order{dir: dir, pkg: ".", building: func() { builds.Add(1) }}.program(t.Context(), cache)
			if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if n := builds.Load(); n != 1 {
		t.Errorf("%d builds, want 1", n)
	}
	for _, program := range programs {
		if program != programs[0] || program.Path == "" {
			t.Errorf("got %+v, want %+v", program, programs[0])
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nfunc main() { println() }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	changed, err := Build(t.Context(), cache, dir, ".", "")
	if err != nil || changed == programs[0] {
		t.Errorf("after a change: %+v, %v", changed, err)
	}
}
