package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/u-root/u-root/pkg/ldd"

	"github.com/kmodtest/kmodtest/harness/internal/hostfs"
	"github.com/kmodtest/kmodtest/harness/internal/initramfs"
	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/harness/internal/testflags"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// upload sends the test binary, its shared libraries, the testdata of the package
// in directory dir, and the files that the flags name, except those that the guest
// sees in tree.
func upload(out *wire.Writer, binary, dir string, flags testflags.Flags, tree hostfs.Tree) error {
	if !tree.Has(binary) {
		if err := out.SendFile(binary, binary); err != nil {
			return err
		}
	}
	libraries, err := ldd.FList(binary)
	if err != nil {
		return fmt.Errorf("find the shared libraries of %s: %w", binary, err)
	}
	paths := slices.Concat(libraries, []string{filepath.Join(dir, "testdata")}, flags.Bring)
	files, err := initramfs.FollowLinks(slices.DeleteFunc(paths, func(path string) bool {
		_, err := os.Stat(path)
		return errors.Is(err, fs.ErrNotExist) || tree.Has(path)
	}))
	if err != nil {
		return err
	}
	return sendAll(out, files)
}

func sendAll(out *wire.Writer, files []initramfs.File) error {
	for _, f := range files {
		if err := out.SendFile(f.Path, f.Path); err != nil {
			return err
		}
	}
	return nil
}

// uploadShell sends a shell and its tools with their shared libraries, and the test
// binary.
func uploadShell(out *wire.Writer, shell request.Shell) error {
	names := append(slices.Clone(shell.Tools), shell.Path)
	if shell.TestBinary != "" {
		names = append(names, shell.TestBinary)
	}
	files, err := initramfs.FindFiles(names)
	if err != nil {
		return err
	}
	files = slices.DeleteFunc(files, func(f initramfs.File) bool { return f.Path == shell.TestBinary })
	if shell.TestBinary != "" {
		if err := out.SendFile(shell.TestBinary, filepath.Join("/bin", shell.TestName)); err != nil {
			return err
		}
	}
	return sendAll(out, files)
}
