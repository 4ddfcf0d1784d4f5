package pid1

import (
	"errors"
	"fmt"
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

// create starts one file of the job's, or makes one that has no content.
func (s *store) create(head wire.FileHead) (wire.Sink, error) {
	name := filepath.Clean("/" + head.Name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, err
	}
	switch head.Mode.Type() {
	case fs.ModeDir:
		return nil, os.MkdirAll(name, 0o755)
	case fs.ModeSymlink:
		if err := os.Symlink(head.Link, name); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		return nil, nil
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, head.Mode.Perm())
	if err != nil {
		return nil, err
	}
	return &incoming{f, head.Time, s}, nil
}

// incoming is a file that arrives.
type incoming struct {
	file  *os.File
	time  time.Time
	store *store
}

// Write writes a piece of the file.
func (in *incoming) Write(p []byte) (int, error) {
	n, err := in.file.Write(p)
	if err != nil {
		return n, fmt.Errorf("store %s: %w (the guest keeps files in its memory)", in.file.Name(), err)
	}
	return n, nil
}

// Commit ends the file.
func (in *incoming) Commit() error {
	name := in.file.Name()
	if err := errors.Join(in.file.Close(), os.Chtimes(name, in.time, in.time)); err != nil {
		return err
	}
	in.store.times[name] = in.time
	return nil
}

// Discard removes the file.
func (in *incoming) Discard() {
	in.file.Close()
	os.Remove(in.file.Name())
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
	for _, path := range paths {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := out.SendTree(path, s.changed); err != nil {
			problems = append(problems, err.Error())
		}
	}
	return problems
}
