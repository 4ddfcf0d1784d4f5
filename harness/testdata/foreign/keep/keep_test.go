// Package keep has a test that writes files, some of which are to be kept.
package keep

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestWrites(t *testing.T) {
	hooks := os.Getenv("KEEP_ELSEWHERE")
	for name, text := range map[string]string{
		"testdata/a.golden": "new\n", "testdata/b.golden": "b\n", "testdata/note.txt": "not asked for\n",
		"out/sub/c": "c\n", "out/.git/hooks/d": "d\n", "/run/kept/e.log": "e\n", "../add.go": "not asked for\n", hooks: "not asked for\n",
	} {
		if name == "" {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/passwd", "out/link"); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo("out/fifo", 0o644); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("KEEP_LARGE") != "" {
		f, err := os.Create("out/large0")
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Truncate(1<<30 + 1); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	if os.Getenv("KEEP_FAILS") != "" {
		t.Error("fails on request")
	}
}
