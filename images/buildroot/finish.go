package buildroot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Finish completes a directory into which packages have been unpacked: it makes what their scripts would make.
func Finish(dir string) error {
	for _, name := range []string{"bin", "lib", "lib32", "lib64", "libx32", "sbin"} {
		if err := mergeIntoUsr(dir, name); err != nil {
			return fmt.Errorf("complete build root: %w", err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, mountPoint), 0o700); err != nil {
		return fmt.Errorf("complete build root: %w", err)
	}
	bin := filepath.Join(dir, "usr/bin")
	for link, targets := range map[string][]string{"sh": {"dash", "bash"}, "awk": {"mawk", "gawk"}, "cc": {"gcc"}, "ld": {"ld.bfd"}} {
		if err := chooseProgram(bin, link, targets); err != nil {
			return fmt.Errorf("complete build root: %w", err)
		}
	}
	for _, program := range []string{"sh", "make"} {
		if _, err := os.Stat(filepath.Join(bin, program)); err != nil {
			return fmt.Errorf("the build root is not complete: its packages have no program %s", program)
		}
	}
	return nil
}

// chooseProgram makes a link to the first program that exists, unless there is a program of that name.
func chooseProgram(bin, link string, targets []string) error {
	if _, err := os.Lstat(filepath.Join(bin, link)); err == nil {
		return nil
	}
	for _, target := range targets {
		if _, err := os.Stat(filepath.Join(bin, target)); err == nil {
			return os.Symlink(target, filepath.Join(bin, link))
		}
	}
	return nil
}

// mergeIntoUsr makes a directory at the top a link to the one in usr, as in systems whose packages have files in both.
func mergeIntoUsr(dir, name string) error {
	from, to := filepath.Join(dir, name), filepath.Join(dir, "usr", name)
	info, err := os.Lstat(from)
	switch {
	case err == nil && info.Mode().Type() == fs.ModeSymlink:
		return nil
	case err == nil:
		if err := moveInto(from, to); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if _, err := os.Stat(to); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return os.Symlink("usr/"+name, from)
}

// moveInto moves the contents of a directory into another, and removes it. What exists there is replaced, as a package
// that was unpacked later would.
func moveInto(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, entry := range entries {
		source, target := filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())
		if info, err := os.Lstat(target); entry.IsDir() && err == nil && info.IsDir() {
			err = moveInto(source, target)
			if err != nil {
				return err
			}
			continue
		}
		if err := os.Rename(source, target); err != nil {
			return err
		}
	}
	return os.Remove(from)
}
