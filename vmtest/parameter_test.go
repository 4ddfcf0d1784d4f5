package vmtest

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Everyone can read the parameter, and nobody, not even root, can change it: the ranges of
// commands do not move while the module is loaded.
func TestParameterIsReadOnly(t *testing.T) {
	const dir = "/sys/module/" + module + "/parameters"
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "base" {
		t.Fatalf("%s: got %v and %v, want base alone", dir, entries, err)
	}
	path := filepath.Join(dir, "base")
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		t.Fatal(err)
	}
	if stat.Mode != unix.S_IFREG|0o444 || stat.Uid != 0 || stat.Gid != 0 {
		t.Errorf("%s has mode %#o and owner %d:%d, want a file of root with mode 0444", path, stat.Mode, stat.Uid, stat.Gid)
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != "10128\n" {
		t.Errorf("%s has %q and %v, want the default", path, text, err)
	}
	wantErrno(t, os.WriteFile(path, []byte("20000"), 0), unix.EACCES, "write to %s", path)
}
