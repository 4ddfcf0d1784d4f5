package adopt

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
)

// A file that was written is there when the file system is mounted again.
func keepsFile(t *testing.T) {
	disk, dir := guest.Disk(t, 1<<30), t.TempDir() // mkapfs makes no small ones
	run(t, "mkapfs", disk)
	path := filepath.Join(dir, "file")
	mount(t, disk, dir, 0, "readwrite")
	if err := os.WriteFile(path, []byte("content"), 0o600); err != nil {
		t.Error(err)
	}
	if err := unix.Unmount(dir, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Errorf("%s is there without the file system", path)
	}
	mount(t, disk, dir, unix.MS_RDONLY, "")
	if got, err := os.ReadFile(path); err != nil || string(got) != "content" {
		t.Errorf("the file has %q, %v, want content", got, err)
	}
	if err := unix.Unmount(dir, 0); err != nil {
		t.Fatal(err)
	}
}

func mount(t *testing.T, disk, dir string, flags uintptr, options string) {
	t.Helper()
	if err := unix.Mount(disk, dir, "apfs", flags, options); err != nil {
		t.Fatalf("mount %s: %v", disk, err)
	}
}
