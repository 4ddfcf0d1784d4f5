package place

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kmodtest/kmodtest/images/internal/files/filestest"
)

// TestHeadersAreCopiedIntoTheEntry has headers whose makefile or link names a directory beside the packages.
func TestHeadersAreCopiedIntoTheEntry(t *testing.T) {
	const build = "usr/src/headers"
	for what, include := range map[string]string{"a name with ..": "/../beside", "a link": "/" + build + "/link"} {
		from, to := filestest.Tree(t, map[string]string{
			"root/" + build + "/Makefile": "include " + include + "/Makefile\n",
			"root/" + build + "/link":     "-> ../../../../beside",
			"beside/Makefile":             "no header",
		}), filestest.Tree(t, map[string]string{"entry/file": "", "beside/file": ""})
		err := copyHeaders(filepath.Join(from, "root"), build, filepath.Join(to, "entry"))
		if err == nil {
			t.Errorf("%s: got no error", what)
		}
		list, err := os.ReadDir(filepath.Join(to, "beside"))
		if err != nil || len(list) != 1 {
			t.Errorf("%s: files beside the entry: %v, %v", what, list, err)
		}
	}
}
