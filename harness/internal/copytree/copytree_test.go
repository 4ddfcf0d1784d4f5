package copytree

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// write writes a file and its parents.
func write(t *testing.T, path, content string, mode fs.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, text, path string) {
	t.Helper()
	if err := os.Symlink(text, path); err != nil {
		t.Fatal(err)
	}
}

// listed returns the listing of a directory, and the names in it.
func listed(t *testing.T, root string) (*Listing, []string) {
	t.Helper()
	l, err := List(root)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range l.Files {
		names = append(names, f.Name)
	}
	return l, names
}

// synchronized returns the states of the files in the copy of root at dir.
func synchronized(t *testing.T, root, dir string, had map[string]Stamp) map[string]Stamp {
	t.Helper()
	l, _ := listed(t, root)
	stamps, err := l.Synchronize(dir, had)
	if err != nil {
		t.Fatal(err)
	}
	return stamps
}

func TestListLeavesOutWhatIsNoSource(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, name := range []string{
		"m.c", "m.o", ".m.o.cmd", "blob.o", "m.ko", "m.mod.c", "Module.symvers", "modules.order", ".config", ".git/config",
		"x_test.go", "README.md", "go.sum", "kernels.toml", "m.c~", "testdata/corpus", "kmodtest-report/index.html", "a b/ü.h", "fix.patch",
	} {
		write(t, filepath.Join(root, name), "", 0o644)
	}
	if _, got := listed(t, root); !slices.Equal(got, []string{".config", "a b/ü.h", "blob.o", "fix.patch", "m.c"}) {
		t.Errorf("listed are %q", got)
	}
}

func TestLinksOfEveryKind(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	root, outside := filepath.Join(base, "root"), filepath.Join(t.TempDir(), "outside")
	write(t, filepath.Join(root, "sub/m.c"), "m", 0o644)
	write(t, filepath.Join(outside, "shared.h"), "shared", 0o644)
	link(t, outside, filepath.Join(outside, "itself"))
	for text, name := range map[string]string{
		"/no/such/file": "nowhere", "circle": "circle", "..": "sub/up", base: "around", outside: "dir",
		filepath.Join(outside, "shared.h"): "file.h", filepath.Join(root, "sub/m.c"): "absolute.c",
	} {
		link(t, text, filepath.Join(root, name))
	}
	dir := t.TempDir()
	synchronized(t, root, dir, nil)
	for name, want := range map[string]string{
		"nowhere": "/no/such/file", "circle": "circle", "sub/up": "..", "around": base, "absolute.c": "sub/m.c", "dir/itself": ".",
	} {
		if got, err := os.Readlink(filepath.Join(dir, name)); got != want {
			t.Errorf("%s leads to %q, %v; want %q", name, got, err, want)
		}
	}
	for name, want := range map[string]string{"dir/shared.h": "shared", "file.h": "shared", "absolute.c": "m"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); string(got) != want {
			t.Errorf("%s has %q, %v; want %q", name, got, err, want)
		}
	}
	if info, err := os.Lstat(filepath.Join(dir, "dir/shared.h")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("a file outside is not copied: %v", err)
	}
}

func TestSynchronizeWritesOnlyWhatDiffers(t *testing.T) {
	t.Parallel()
	root, dir := t.TempDir(), t.TempDir()
	write(t, filepath.Join(root, "same"), "1", 0o755)
	write(t, filepath.Join(root, "edited"), "1", 0o644)
	write(t, filepath.Join(root, "gone"), "1", 0o644)
	write(t, filepath.Join(root, "patched"), "1", 0o444)
	first := synchronized(t, root, dir, nil)
	write(t, filepath.Join(dir, "output.o"), "object", 0o644)
	write(t, filepath.Join(root, "edited"), "2", 0o644)
	write(t, filepath.Join(dir, "patched"), "changed by a script", 0o644)
	touched := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(root, "same"), touched, touched); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(root, "gone")); err != nil {
		t.Fatal(err)
	}
	second := synchronized(t, root, dir, first)
	if second["same"] != first["same"] || second["edited"] == first["edited"] || second["patched"] == first["patched"] {
		t.Errorf("states before %v and after %v", first, second)
	}
	for name, want := range map[string]string{"same": "1", "edited": "2", "patched": "1", "output.o": "object", "gone": ""} {
		if got, _ := os.ReadFile(filepath.Join(dir, name)); string(got) != want {
			t.Errorf("%s has %q, want %q", name, got, want)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "same")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("mode of an executable file: %v, %v", info, err)
	}
}

// A file that was read stays one that was read when its content changes: make may not
// read it again before it fails.
func TestWasReadKnowsReaders(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	dir, err := os.MkdirTemp("/dev/shm", "copytree-") //nolint:usetesting // a temporary directory may be mounted with noatime
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if !KeepsAccessTimes(dir) {
		t.Fatal("/dev/shm keeps no access times; mount it without noatime")
	}
	write(t, filepath.Join(root, "read"), "1", 0o644)
	write(t, filepath.Join(root, "not"), "1", 0o644)
	stamps := synchronized(t, root, dir, nil)
	if _, err := os.ReadFile(filepath.Join(dir, "read")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if !WasRead(filepath.Join(dir, "read")) || WasRead(filepath.Join(dir, "not")) {
			t.Error("it does not tell the file that was read from the other")
		}
		write(t, filepath.Join(root, "read"), "2", 0o644)
		stamps = synchronized(t, root, dir, stamps)
	}
}
