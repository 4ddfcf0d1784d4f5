package docs

import (
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/mod/module"
)

// A single file whose name the go command refuses would make go get of this repository
// fail.
func TestRepositoryIsModule(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "git", "-C", "..", "ls-files", "-z").Output()
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	if len(names) < 100 {
		t.Fatalf("git ls-files names %d files", len(names))
	}
	for _, name := range names {
		if err := module.CheckFilePath(name); err != nil {
			t.Error(err)
		}
	}
}
