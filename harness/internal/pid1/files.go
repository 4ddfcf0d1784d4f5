package pid1

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/hostmount"
	"github.com/kmodtest/kmodtest/harness/internal/keep"
	"github.com/kmodtest/kmodtest/harness/internal/queue"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// unlimited are the limits of the files that the host sends: PID 1 trusts the host,
// and the guest's memory is the limit.
var unlimited = wire.Limits{File: math.MaxInt64, Total: math.MaxInt64, Files: math.MaxInt}

// store remembers the files that came with the job, so that only new and changed
// files are sent back.
type store struct {
	times map[string]time.Time // of regular files
	links map[string]string    // targets of symbolic links
	host  *hostmount.Files

	incoming wire.Receiver
	queue    queue.Queue
}

func newStore(host *hostmount.Files) *store {
	s := &store{times: map[string]time.Time{}, links: map[string]string{}, host: host}
	s.incoming = wire.Receiver{Create: s.create, Limits: unlimited}
	return s
}

// take takes a record of a file. With files of the host it does not wait until the file is
// stored: that may require an answer of the host, which the same goroutine reads.
func (s *store) take(rec wire.Record) error {
	if !s.host.Wanted {
		return s.incoming.Take(rec)
	}
	rec.Payload = bytes.Clone(rec.Payload)
	s.queue.Add(func() error { return s.incoming.Take(rec) })
	return nil
}

// answer answers the host when all files that have come are stored.
func (s *store) answer(out *wire.Writer) error {
	answer := func() error { return out.Write(wire.Beat, nil) }
	if !s.host.Wanted {
		return answer()
	}
	s.queue.Add(answer)
	return nil
}

// create starts a regular file of the job, or makes a directory or symbolic link.
func (s *store) create(head wire.FileHead) (wire.Sink, error) {
	name := filepath.Clean("/" + head.Name)
	path := s.host.Place(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	switch head.Mode.Type() {
	case fs.ModeDir:
		return nil, os.MkdirAll(path, 0o755)
	case fs.ModeSymlink:
		if err := os.Symlink(head.Link, path); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		s.links[name] = head.Link
		return nil, nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, head.Mode.Perm())
	if err != nil {
		return nil, err
	}
	return &incoming{name, f, head.Time, s}, nil
}

// incoming is a regular file of the job that is being received.
type incoming struct {
	name  string // in the guest
	file  *os.File
	time  time.Time
	store *store
}

// Write writes a piece of the file.
func (in *incoming) Write(p []byte) (int, error) {
	n, err := in.file.Write(p)
	if err != nil {
		return n, fmt.Errorf("store %s: %w (the guest keeps files in its memory)", in.name, err)
	}
	return n, nil
}

// Commit closes the file and sets its time.
func (in *incoming) Commit() error {
	if err := errors.Join(in.file.Close(), os.Chtimes(in.file.Name(), in.time, in.time)); err != nil {
		return err
	}
	in.store.times[in.name] = in.time
	return nil
}

// Discard removes the file.
func (in *incoming) Discard() {
	in.file.Close()
	os.Remove(in.file.Name())
}

// Changed reports whether the host does not have a file as it is now. Directories
// are never sent back.
func (s *store) Changed(path string, info fs.FileInfo) bool {
	if info.IsDir() {
		return false
	}
	if target, known := s.links[path]; known {
		now, err := os.Readlink(path)
		return err != nil || now != target
	}
	if old, known := s.times[path]; known {
		return !old.Equal(info.ModTime())
	}
	return !s.host.Has(path, info)
}

// Untouched reports whether all files below a directory are as on the host.
func (s *store) Untouched(dir string) bool { return s.host.Untouched(dir) }

// sendBack sends the existing ones of the files that the job asked for. problems
// describe files that were not sent; err is an error of the channel.
func (s *store) sendBack(work wire.Work, out *wire.Writer) (problems []string, err error) {
	kept, notFound := keep.Find(work.Keep, s)
	problems, err = out.SendTrees(append(work.Collect, kept...), wire.Limits{}, s.Changed)
	return append(notFound, problems...), err
}
