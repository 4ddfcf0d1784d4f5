//go:build kvm

package nested

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// outer returns the place, after its files have been unpacked and KVM has been loaded.
func outer(t *testing.T) place {
	t.Helper()
	p := outerWithoutKVM(t)
	if err := hold(); err != nil {
		t.Fatal(err)
	}
	return p
}

// outerWithoutKVM returns the place, after its files have been unpacked.
func outerWithoutKVM(t *testing.T) place {
	t.Helper()
	p := outerPlace()
	if _, err := os.Stat(p.archive()); err == nil {
		if err := unpack(p.archive()); err != nil {
			t.Fatalf("unpack %s: %v", p.archive(), err)
		}
		if err := os.Remove(p.archive()); err != nil { // it takes memory
			t.Fatal(err)
		}
	}
	return p
}

// unpack unpacks an archive that writeArchive has made.
func unpack(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var dirs []*tar.Header
	for r := tar.NewReader(f); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if header.Typeflag == tar.TypeDir {
			dirs = append(dirs, header)
		}
		if err := unpackFile(header, r); err != nil {
			return err
		}
	}
	for _, dir := range dirs { // after their contents
		if err := os.Chtimes(dir.Name, dir.ModTime, dir.ModTime); err != nil {
			return err
		}
	}
	return nil
}

func unpackFile(header *tar.Header, r io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(header.Name), 0o755); err != nil {
		return err
	}
	switch header.Typeflag {
	case tar.TypeDir:
		return os.MkdirAll(header.Name, 0o755)
	case tar.TypeSymlink:
		if err := os.Symlink(header.Linkname, header.Name); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		when := unix.NsecToTimespec(header.ModTime.UnixNano()) // part of the key of an initramfs
		return unix.UtimesNanoAt(unix.AT_FDCWD, header.Name, []unix.Timespec{when, when}, unix.AT_SYMLINK_NOFOLLOW)
	}
	tmp := header.Name + ".new" // this process may have mapped the file, if it is a library
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY, header.FileInfo().Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err := errors.Join(err, f.Close(), os.Chtimes(tmp, header.ModTime, header.ModTime)); err != nil {
		return err
	}
	return os.Rename(tmp, header.Name)
}
