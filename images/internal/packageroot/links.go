package packageroot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// Enclose makes sure that no path below dir leads out of it, for files of unpacked archives: it must be called before anything
// else reads or changes them, and again after directories were moved. Absolute links, which are relative to the root of the
// system that a package is made for, become relative. Links whose target does not exist below dir are removed, and so are
// devices, sockets and FIFOs.
func Enclose(dir string) error {
	if err := enclose(dir); err != nil {
		return fmt.Errorf("keep links of packages in their directory: %w", err)
	}
	return nil
}

func enclose(dir string) (err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	var links []string
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch entry.Type() {
		case 0, fs.ModeDir:
			return nil
		case fs.ModeSymlink:
			links = append(links, name)
			return makeRelative(root, name)
		default:
			return root.Remove(name)
		}
	})
	if err != nil {
		return err
	}
	// All links are relative now. One that cannot be followed below the root makes others that lead through it fail as well,
	// and none that is kept.
	for _, name := range links {
		if _, err := root.Stat(name); err != nil {
			if err := root.Remove(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// makeRelative replaces an absolute link. name is a path without links, except the last.
func makeRelative(root *os.Root, name string) error {
	target, err := root.Readlink(name)
	if err != nil || !path.IsAbs(target) {
		return err
	}
	relative, err := filepath.Rel(path.Dir("/"+name), path.Clean(target))
	if err != nil {
		return err
	}
	if err := root.Remove(name); err != nil {
		return err
	}
	return root.Symlink(relative, name)
}
