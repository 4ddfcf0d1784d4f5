package place

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/images/internal/files/filestest"
)

func TestPruneRemovesOldEntriesOfTheSameKernel(t *testing.T) {
	dir := filestest.Tree(t, map[string]string{"aa-1/f": "", "aa-2/f": "", "bb-1/f": "", "aa-1.lock": ""})
	old := time.Now().Add(-48 * time.Hour)
	for _, name := range []string{"aa-1", "bb-1"} {
		if err := os.Chtimes(filepath.Join(dir, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := prune(dir, "aa-"); err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, entry := range list {
		left = append(left, entry.Name())
	}
	if got := strings.Join(left, " "); got != "aa-1.lock aa-2 bb-1" {
		t.Errorf("got entries %s", got)
	}
}
