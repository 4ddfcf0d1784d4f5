package initramfs

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tree makes files in a new directory. Content that begins with -> makes a
// symbolic link.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if target, isLink := strings.CutPrefix(content, "->"); err == nil && isLink {
			err = os.Symlink(target, path)
		} else if err == nil {
			err = os.WriteFile(path, []byte(content), 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// found returns the paths that FindFiles returns, relative to dir if they are in
// it.
func found(t *testing.T, dir string, names ...string) []string {
	t.Helper()
	files, err := FindFiles(names)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range files {
		path := strings.TrimPrefix(f.Path, dir+"/")
		if f.link != "" {
			path += " -> " + f.link
		}
		out = append(out, path)
	}
	return out
}

func TestFilesAreFound(t *testing.T) {
	dir := tree(t, map[string]string{
		"one.txt": "1", "two.txt": "2", "other": "3", "sub/deep": "4", "sub/empty/.keep": "",
		"link": "->sub/near", "sub/near": "->../one.txt", "loop": "->loop", "nowhere": "->not/there", "null": "->/dev/null",
	})
	for _, c := range []struct {
		name string
		want []string
	}{
		{"other", []string{"other"}},
		{"*.txt", []string{"one.txt", "two.txt"}},
		{"sub", []string{"one.txt", "sub", "sub/deep", "sub/empty", "sub/empty/.keep", "sub/near -> ../one.txt"}},
		{"link", []string{"link -> sub/near", "one.txt", "sub/near -> ../one.txt"}},
		{"loop", []string{"loop -> loop"}},
		{"nowhere", []string{"nowhere -> not/there"}},
		{"null", []string{"null -> /dev/null"}},
	} {
		if diff := cmp.Diff(c.want, found(t, dir, filepath.Join(dir, c.name))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// A directory of tests may have a socket or FIFO that an earlier run has left.
func TestSpecialFilesInDirectoriesAreLeftOut(t *testing.T) {
	dir := tree(t, map[string]string{"sub/file": "1"})
	fifo := filepath.Join(dir, "sub", "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"sub", "sub/file"}, found(t, dir, filepath.Join(dir, "sub"))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, err := FindFiles([]string{filepath.Join(dir, "sub") + ":/elsewhere"}); err != nil {
		t.Error(err)
	}
	if _, err := FindFiles([]string{fifo}); err == nil || !strings.Contains(err.Error(), "fifo is neither a file nor a directory") {
		t.Errorf("a FIFO that is named: %v", err)
	}
}

func TestProgramHasLibrariesAndIsInPath(t *testing.T) {
	dir := tree(t, map[string]string{"script": "#!/bin/sh\n", "data": "not a program"})
	if err := os.Chmod(filepath.Join(dir, "data"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	want := []string{"/bin/script -> " + filepath.Join(dir, "script"), "script"}
	if diff := cmp.Diff(want, found(t, dir, "script")); diff != "" {
		t.Errorf("script (-want +got):\n%s", diff)
	}
	var missing *MissingFileError
	if _, err := FindFiles([]string{"data"}); !errors.As(err, &missing) || missing.Name != "data" {
		t.Errorf("file that is not executable: got error %v", err)
	}
	all := found(t, "-", "depmod") // in /sbin, which is not in this PATH
	for _, want := range []string{"/bin/depmod -> /usr/sbin/depmod", "/libc.so.6", "/ld-linux-x86-64.so.2"} {
		if !slices.ContainsFunc(all, func(path string) bool {
			name, _, _ := strings.Cut(path, " -> ")
			return path == want || strings.HasSuffix(name, want)
		}) {
			t.Errorf("depmod: got %q, want %s included", all, want)
		}
	}
}

func TestMissingFilesAreNamed(t *testing.T) {
	for name, want := range map[string]string{
		"/no/such/file": "Config.Files: there is no /no/such/file on this system",
		"/no/such/*":    "Config.Files: there is no /no/such/* on this system",
		"no-such":       "Config.Files: there is no program no-such in PATH, /usr/sbin or /sbin",
		"/dev/null":     "Config.Files: /dev/null: /dev/null is neither a file nor a directory nor a symbolic link",
	} {
		if _, err := FindFiles([]string{name}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q", name, err, want)
		}
	}
}

// The string is part of the archive's cache key.
func TestChangedFileHasAnotherString(t *testing.T) {
	dir := tree(t, map[string]string{"file": "one"})
	path := filepath.Join(dir, "file")
	before, err := FindFiles([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("other"), 0o755); err != nil {
		t.Fatal(err)
	}
	after, err := FindFiles([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	if before[0].String() == after[0].String() {
		t.Errorf("file of another size: got %v both times", after[0])
	}
}
