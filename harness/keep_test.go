package harness_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// keepModule copies the package testdata/foreign/keep into a module of its own.
func keepModule(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "pkg"), os.DirFS("testdata/foreign/keep")); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"go.mod": "module keeps\n\ngo 1.24\n", "add.go": "package keeps\n", "kmodtest.toml": "[test]\nkeep = ['pkg/testdata/*.golden']\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// contents returns the files below a directory, with their contents.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, dir+"/")] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// keepRun runs the test in a copy of testdata/foreign/keep.
func keepRun(t *testing.T, dir string, env []string, args ...string) (out string, status int) {
	t.Helper()
	program, err := kmodtest()
	if err != nil {
		t.Fatal(err)
	}
	c := newCommand(t, append(env, "GOWORK=off"), program, append([]string{"test"}, args...)...)
	c.Dir = dir
	status = c.status(t)
	return c.stdout.String() + c.stderr.String(), status
}

func TestFilesAreKeptByPattern(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"all", "none"} {
		for _, fails := range []string{"", "1"} {
			t.Run(host+fails, func(t *testing.T) {
				t.Parallel()
				dir, elsewhere := keepModule(t), filepath.Join(t.TempDir(), "logs")
				want := contents(t, dir)
				before, err := os.Stat(filepath.Join(dir, "pkg/testdata/same.golden"))
				if err != nil {
					t.Fatal(err)
				}
				other := filepath.Join(t.TempDir(), "other")
				out, status := keepRun(t, dir, []string{"KEEP_FAILS=" + fails, "KEEP_ELSEWHERE=" + other},
					"--host="+host, "--keep", "pkg/out", "--keep", "/run/kept/*.log:"+elsewhere, "./pkg")
				if (status != 0) != (fails != "") {
					t.Fatalf("status %d\n%s", status, out)
				}
				maps.Copy(want, map[string]string{"pkg/testdata/a.golden": "new\n", "pkg/testdata/b.golden": "b\n", "pkg/out/sub/c": "c\n"})
				if got := contents(t, dir); !maps.Equal(got, want) {
					t.Errorf("files %v, want %v\n%s", got, want, out)
				}
				if got := contents(t, elsewhere); !maps.Equal(got, map[string]string{"e.log": "e\n"}) {
					t.Errorf("in the other directory: %v\n%s", got, out)
				}
				if after, err := os.Stat(filepath.Join(dir, "pkg/testdata/same.golden")); err != nil || !os.SameFile(before, after) {
					t.Errorf("a file that did not change was written: %v", err)
				}
				if _, err := os.Stat(other); err == nil {
					t.Error("a file that no pattern names was written")
				}
			})
		}
	}
}

func TestFilesThatAreTooLargeAreNotKept(t *testing.T) {
	t.Parallel()
	dir := keepModule(t)
	out, status := keepRun(t, dir, []string{"KEEP_LARGE=1"}, "--keep", "pkg/out", "./pkg")
	if status == 0 || !strings.Contains(out, `pkg/out/large0" exceeds the limit of 1073741824 bytes in one file`) {
		t.Errorf("status %d\n%s", status, out)
	}
	if _, err := os.Stat(filepath.Join(dir, "pkg", "out", "large0")); err == nil {
		t.Error("the file is there")
	}
}

func TestPatternsThatLeadElsewhereAreRefused(t *testing.T) {
	t.Parallel()
	dir := keepModule(t)
	for pattern, want := range map[string]string{"/etc/*": "name a directory for them: /etc/*:DIRECTORY", "../x": "name a directory", ".git/x": "version control"} {
		if out, status := keepRun(t, dir, nil, "--keep", pattern, "./pkg"); status == 0 || !strings.Contains(out, want) {
			t.Errorf("%s: status %d, want %q\n%s", pattern, status, want, out)
		}
	}
}

func TestFilesOfMainAreKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := newCommand(t, []string{"KEPT_DIRECTORY=" + dir}, binary(t, "kept"))
	if status := c.status(t); status != 0 {
		t.Fatalf("status %d\n%s%s", status, &c.stdout, &c.stderr)
	}
	if got := contents(t, dir); !maps.Equal(got, map[string]string{"a.txt": "a.txt"}) {
		t.Errorf("files %v", got)
	}
}

func TestFilesOfProgramsAreKept(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"run", "shell"} {
		dir := t.TempDir()
		out, status := foreign(t, nil, command, "--keep", "/run/*.txt:"+dir, "--", "/bin/sh", "-c", "echo kept > /run/a.txt; exit 3")
		if got := contents(t, dir); status != 3 || !maps.Equal(got, map[string]string{"a.txt": "kept\n"}) {
			t.Errorf("%s: status %d, files %v\n%s", command, status, got, out)
		}
	}
}
