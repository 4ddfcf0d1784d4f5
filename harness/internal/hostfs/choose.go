package hostfs

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/hostpath"
	"github.com/kmodtest/kmodtest/harness/internal/modindex"
	"github.com/kmodtest/kmodtest/harness/internal/request"
)

// Choose returns the files that the guests of a run see. Programs without harness.Main
// see all, unless the user wants less or the kernel lacks a file system for that: then
// note says so. index has the kernel's modules, and cache is the directory of the caches.
func Choose(r request.Request, index *modindex.Index, cache string) (tree Tree, note string, err error) {
	usual := All
	if r.Kind == request.OwnMain {
		usual = None
	}
	mode, err := ParseMode(cmp.Or(r.Config.Host, string(usual)))
	if err != nil || mode == None {
		return Tree{}, "", err
	}
	missing, err := index.Missing(hostpath.Filesystems)
	if err != nil {
		return Tree{}, "", err
	}
	if len(missing) > 0 {
		note := "the kernel lacks the file systems " + strings.Join(missing, " and ") + ", with which a guest sees the host's files"
		if r.Config.Host != "" {
			return Tree{}, "", fmt.Errorf("%s: choose another kernel, or none of them", note)
		}
		return Tree{}, note + ": it has only those that Files names", nil
	}
	return Tree{Find(mode, r.Dir, cache)}, "", nil
}
