package pid1

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// store remembers the files that came with the job, so that only what is new
// or changed is sent back.
type store struct {
	times map[string]time.Time
}

// put writes one file of the job's to its place.
func (s *store) put(head *tar.Header, r io.Reader) error {
	name := filepath.Clean("/" + head.Name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	switch head.Typeflag {
	case tar.TypeDir:
		return os.MkdirAll(name, 0o755)
	case tar.TypeSymlink:
		if err := os.Symlink(head.Linkname, name); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	case tar.TypeReg:
	default:
		return fmt.Errorf("store %s: unexpected type %q", name, head.Typeflag)
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, head.FileInfo().Mode().Perm())
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(f, r); err != nil {
		return fmt.Errorf("store %s: %w (the guest keeps files in its memory)", name, err)
	}
	if err := os.Chtimes(name, head.ModTime, head.ModTime); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	s.times[name] = info.ModTime()
	return nil
}

// changed tells whether a file is one that the host does not have.
func (s *store) changed(path string, info fs.FileInfo) bool {
	if info.IsDir() {
		return false
	}
	old, known := s.times[path]
	return !known || !old.Equal(info.ModTime())
}

// sendBack sends what the job asked for, as far as it is there.
func (s *store) sendBack(paths []string, out *wire.Writer) (problems []string) {
	p := out.Pack()
	for _, path := range paths {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := p.AddTree(path, s.changed); err != nil {
			problems = append(problems, err.Error())
		}
	}
	if err := p.Close(); err != nil {
		problems = append(problems, err.Error())
	}
	return problems
}
