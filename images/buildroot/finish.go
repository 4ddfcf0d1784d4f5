package buildroot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
)

// Finish completes a directory into which packages have been unpacked: it makes what their scripts would make, and removes
// what is unneeded. It follows no link out of the directory.
func Finish(dir string, unneeded ...string) (err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("complete build root: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	for _, name := range unneeded {
		if err := root.RemoveAll(name); err != nil {
			return fmt.Errorf("remove files that no build reads: %w", err)
		}
	}
	for _, name := range []string{"bin", "lib", "lib32", "lib64", "libx32", "sbin"} {
		if err := mergeIntoUsr(root, name); err != nil {
			return fmt.Errorf("complete build root: %w", err)
		}
	}
	if err := root.MkdirAll(mountPoint, 0o700); err != nil {
		return fmt.Errorf("complete build root: %w", err)
	}
	for link, targets := range map[string][]string{"sh": {"dash", "bash"}, "awk": {"mawk", "gawk"}, "cc": {"gcc"}, "ld": {"ld.bfd"}} {
		if err := chooseProgram(root, link, targets); err != nil {
			return fmt.Errorf("complete build root: %w", err)
		}
	}
	for _, program := range []string{"sh", "make"} {
		if _, err := root.Stat(path.Join(bin, program)); err != nil {
			return fmt.Errorf("the build root is not complete: its packages have no program %s", program)
		}
	}
	return nil
}

const bin = "usr/bin"

// chooseProgram makes a link to the first program that exists, unless there is a program of that name.
func chooseProgram(root *os.Root, link string, targets []string) error {
	if _, err := root.Lstat(path.Join(bin, link)); err == nil {
		return nil
	}
	for _, target := range targets {
		if _, err := root.Stat(path.Join(bin, target)); err == nil {
			return root.Symlink(target, path.Join(bin, link))
		}
	}
	return nil
}

// mergeIntoUsr makes a directory at the top a link to the one in usr, as in systems whose packages have files in both.
func mergeIntoUsr(root *os.Root, name string) error {
	to := path.Join("usr", name)
	info, err := root.Lstat(name)
	switch {
	case err == nil && info.Mode().Type() == fs.ModeSymlink:
		return nil
	case err == nil:
		if err := moveInto(root, name, to); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if _, err := root.Stat(to); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return root.Symlink(to, name)
}

// moveInto moves the contents of a directory into another, and removes it. What exists there is replaced, as a package
// that was unpacked later would.
func moveInto(root *os.Root, from, to string) error {
	entries, err := fs.ReadDir(root.FS(), from)
	if err != nil {
		return err
	}
	if err := root.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, entry := range entries {
		source, target := path.Join(from, entry.Name()), path.Join(to, entry.Name())
		if info, err := root.Lstat(target); entry.IsDir() && err == nil && info.IsDir() {
			if err := moveInto(root, source, target); err != nil {
				return err
			}
			continue
		}
		if err := root.Rename(source, target); err != nil {
			return err
		}
	}
	return root.Remove(from)
}
