package rpm

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/sassoftware/go-rpmutils"

	"github.com/kmodtest/kmodtest/images/internal/unpack"
)

// Bits of a file's mode in a package.
const (
	typeMask  = 0o170000
	directory = 0o040000
	regular   = 0o100000
	link      = 0o120000
)

// Unpack writes the files of a package.
func Unpack(file string, target *unpack.Target) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	pkg, err := rpmutils.ReadRpm(f)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", file, err)
	}
	payload, err := pkg.PayloadReaderExtended()
	if err != nil {
		return fmt.Errorf("unpack %s: %w", file, err)
	}
	waiting := map[int][]string{} // names of a file that comes later, by its number
	for {
		info, err := payload.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = target.Count(info.Name(), info.Size())
		}
		if err == nil {
			err = put(target, info, payload, waiting)
		}
		if err != nil {
			return fmt.Errorf("unpack %s: %w", file, err)
		}
	}
}

func put(target *unpack.Target, info rpmutils.FileInfo, payload rpmutils.PayloadReader, waiting map[int][]string) error {
	name := info.Name()
	switch info.Mode() & typeMask {
	case directory:
		return target.Dir(name)
	case link:
		return target.Symlink(name, info.Linkname())
	case regular:
		if payload.IsLink() {
			waiting[info.Inode()] = append(waiting[info.Inode()], name)
			return nil
		}
		if err := target.File(name, fs.FileMode(info.Mode()).Perm(), payload); err != nil {
			return err
		}
		for _, other := range waiting[info.Inode()] {
			if err := target.Link(other, name); err != nil {
				return err
			}
		}
	}
	return nil // such as a device
}
