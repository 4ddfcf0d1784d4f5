// Package upload sends the files of a job to a guest.
package upload

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/kmodtest/kmodtest/harness/internal/hostfs"
	"github.com/kmodtest/kmodtest/harness/internal/initramfs"
	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Binary is the program that a guest runs.
type Binary struct {
	Path  string // on the host
	Place string // in the guest; "" is Path
}

// Name returns the path of the program in the guest.
func (b Binary) Name() string { return cmp.Or(b.Place, b.Path) }

// Tests sends the test binary, its shared libraries, the testdata of the package
// in directory dir, and further files, except those that the guest
// sees in tree. The binary is always sent: the guest would read it page by page, which
// takes longer. memory is the size of the guest's memory, in MiB.
func Tests(out *wire.Writer, binary Binary, dir string, bring []string, tree hostfs.Tree, memory int) error {
	libraries, err := initramfs.Libraries(binary.Path)
	if err != nil {
		return err
	}
	paths := slices.Concat(libraries, []string{filepath.Join(dir, "testdata")}, bring)
	files, err := initramfs.FollowLinks(slices.DeleteFunc(paths, func(path string) bool {
		_, err := os.Stat(path)
		return errors.Is(err, fs.ErrNotExist) || tree.Has(path)
	}))
	if err == nil {
		err = initramfs.CheckSize(files, memory)
	}
	if err == nil {
		err = out.SendFile(binary.Path, binary.Name())
	}
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

// Shell sends a shell and its tools with their shared libraries, and the test
// binary.
func Shell(out *wire.Writer, shell request.Shell) error {
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
