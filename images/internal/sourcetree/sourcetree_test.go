package sourcetree

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/images/internal/files/filestest"
)

func TestStateOfDirectoryChangesWithFiles(t *testing.T) {
	dir := filestest.Tree(t, map[string]string{"Kconfig": "", "Makefile": "", "kernel/fork.c": "a", ".git/index": "a"})
	state := func() string {
		s, err := State(t.Context(), dir, "")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := state()
	filestest.Add(t, dir, map[string]string{".git/index": "changed"})
	if state() != before {
		t.Error("a change in .git changed the state")
	}
	filestest.Add(t, dir, map[string]string{"kernel/fork.c": "changed"})
	if state() == before {
		t.Error("a changed file did not change the state")
	}
	if err := os.Remove(filepath.Join(dir, "Kconfig")); err != nil {
		t.Fatal(err)
	}
	if _, err := State(t.Context(), dir, ""); err == nil || !strings.Contains(err.Error(), "not a kernel source directory") {
		t.Errorf("got %v", err)
	}
}
