package request

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A file system that is mounted with noexec gives the same error.
func TestProgramThatMayNotStartNamesTheWayOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Become(path, Request{}); err == nil || !strings.Contains(err.Error(), "XDG_CACHE_HOME") {
		t.Errorf("got %v, want an error that names XDG_CACHE_HOME", err)
	}
}
