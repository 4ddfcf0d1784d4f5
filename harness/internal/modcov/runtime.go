// Package modcov measures which lines and branches of kernel modules were executed. The
// modules are compiled with gcc's -fprofile-arcs. A module of our own, the runtime,
// keeps their counters in memory of the guest that the host can read, whether the guest
// is alive or not. The counters become files in gcc's format, which gcov reads: its
// numbers are the result.
//
// A guest can write anything into its memory. So the host takes from there only numbers,
// for counters that it knows from the files of the modules.
package modcov

import (
	"context"
	"crypto/sha256"
	"embed"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kmodtest/kmodtest/images/cache"
)

//go:embed runtime/Kbuild runtime/gcov.h runtime/kmodtest_coverage.c
var runtimeFiles embed.FS

// RuntimeName is the name of the runtime, as lsmod shows it.
const RuntimeName = "kmodtest_coverage"

// Runtime returns a directory with the sources of the runtime, in the cache at cacheDir.
func Runtime(ctx context.Context, cacheDir string) (string, error) {
	h := sha256.New()
	names := []string{"Kbuild", "gcov.h", RuntimeName + ".c"}
	for _, name := range names {
		text, err := runtimeFiles.ReadFile("runtime/" + name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%q %q\n", name, text)
	}
	return cache.Entry(ctx, filepath.Join(cacheDir, "coverage"), fmt.Sprintf("%x", h.Sum(nil)[:16]), func(_ context.Context, tmp string) error {
		for _, name := range names {
			text, err := runtimeFiles.ReadFile("runtime/" + name)
			if err == nil {
				err = os.WriteFile(filepath.Join(tmp, name), text, 0o600)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
