// Package modfail prepares kernel modules for guest.FaultWalk, which makes their calls of
// the kernel's functions fail. The kernel needs no option for it: code that is added to a
// module, after it was linked, sends its calls to a module of our own, the runtime, which
// decides what becomes of each.
//
// The file calls.txt lists the functions. To have another one fail, add a line.
package modfail

import (
	"context"
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kmodtest/kmodtest/images/cache"
)

//go:embed runtime
var runtimeFiles embed.FS

// Runtime returns a directory with the sources of the runtime, in the cache at cacheDir.
func Runtime(ctx context.Context, cacheDir string) (string, error) {
	files, err := fs.Sub(runtimeFiles, "runtime")
	if err != nil {
		return "", err
	}
	names, err := fs.Glob(files, "*")
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%q %q\n", name, text)
	}
	return cache.Entry(ctx, filepath.Join(cacheDir, "calls"), fmt.Sprintf("%x", h.Sum(nil)[:16]), func(_ context.Context, tmp string) error {
		return os.CopyFS(tmp, files)
	})
}
