package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/u-root/u-root/pkg/ldd"

	"github.com/kmodtest/kmodtest/harness/internal/initramfs"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// upload sends the test binary, its shared libraries, the package's testdata and
// the files that the flags name.
func (r *run) upload(out *wire.Writer, flags testFlags) error {
	if err := out.SendFile(r.tests, r.tests); err != nil {
		return err
	}
	libraries, err := ldd.FList(r.tests)
	if err != nil {
		return fmt.Errorf("find the shared libraries of %s: %w", r.tests, err)
	}
	paths := slices.Concat(libraries, []string{filepath.Join(r.Dir, "testdata")}, flags.Bring)
	files, err := initramfs.FollowLinks(slices.DeleteFunc(paths, func(path string) bool {
		_, err := os.Stat(path)
		return errors.Is(err, fs.ErrNotExist)
	}))
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := out.SendFile(f.Path, f.Path); err != nil {
			return err
		}
	}
	return nil
}
