package pid1

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/hostmount"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// A corpus may have links, which the host does not take.
func TestLinkOfTheJobIsNotSentBack(t *testing.T) {
	s := newStore(hostmount.NewFiles(false, nil))
	link := filepath.Join(t.TempDir(), "FuzzX", "link")
	if _, err := s.create(wire.FileHead{Name: link, Mode: fs.ModeSymlink | 0o777, Link: "seed"}); err != nil {
		t.Fatal(err)
	}
	changed := func() bool {
		info, err := os.Lstat(link)
		if err != nil {
			t.Fatal(err)
		}
		return s.Changed(link, info)
	}
	if changed() {
		t.Error("a link that came with the job counts as changed")
	}
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("other", link); err != nil {
		t.Fatal(err)
	}
	if !changed() {
		t.Error("a link with another target does not count as changed")
	}
}
