package wire

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"
)

// FileHead announces a regular file, a directory or a symbolic link. The content
// of a regular file follows in Data records, up to a FileEnd.
type FileHead struct {
	Name string      // absolute path
	Mode fs.FileMode // type and permissions
	Time time.Time   // of the last change
	Link string      // target of a symbolic link
}

func (h *FileHead) fields(c codec) {
	mode, changed := int64(h.Mode), h.Time.UnixNano()
	c.text(&h.Name, path)
	c.number(&mode, 0, math.MaxUint32)
	any64(c, &changed)
	c.text(&h.Link, path)
	h.Mode, h.Time = fs.FileMode(mode), time.Unix(0, changed)
	c.check(h.Name != "", "the file has no name")
	c.check(isSendable(h.Mode), "the file is neither a regular file nor a directory nor a symbolic link")
	c.check((h.Link != "") == (h.Mode.Type() == fs.ModeSymlink), "the target of a link does not match the type of the file")
}

// isSendable reports whether files of this type can be sent.
func isSendable(mode fs.FileMode) bool {
	return mode.IsRegular() || mode.Type() == fs.ModeDir || mode.Type() == fs.ModeSymlink
}

// SendFile sends the regular file, directory (without its content) or symbolic
// link at path, under the given name. It returns an error for files of other
// types, and does not open them. Only one goroutine may send files on a Writer.
func (w *Writer) SendFile(path, name string) error {
	return errors.Join(w.sendFile(path, name, func(int64) error { return nil }))
}

// sendFile sends a file. It calls add with the length of each piece of its content,
// and stops if add returns an error. problem is the reason why the file could not
// be sent whole; err is an error of the channel.
func (w *Writer) sendFile(path, name string, add func(n int64) error) (problem, err error) {
	info, problem := os.Lstat(path)
	if problem != nil {
		return problem, nil
	}
	head := FileHead{Name: name, Mode: info.Mode(), Time: info.ModTime()}
	if !isSendable(head.Mode) {
		return fmt.Errorf("send %s: neither a regular file nor a directory nor a symbolic link", path), nil
	}
	if head.Mode.Type() == fs.ModeSymlink {
		if head.Link, problem = os.Readlink(path); problem != nil {
			return problem, nil
		}
	}
	if !head.Mode.IsRegular() {
		return nil, w.WriteMessage(File, &head)
	}
	f, problem := openRegular(path)
	if problem != nil {
		return problem, nil
	}
	defer f.Close()
	if err := w.WriteMessage(File, &head); err != nil {
		return nil, err
	}
	// The receiver must not take a file for whole that could not be read to its end.
	problem, err = w.copy(Data, f, add)
	end := ""
	if problem != nil {
		problem = fmt.Errorf("send %s: %w", path, problem)
		end = problem.Error()
	}
	if err != nil {
		return problem, err
	}
	return problem, w.Write(FileEnd, []byte(end[:min(len(end), maxReason)]))
}

// openRegular opens a regular file. It does not wait for a FIFO or follow a link
// that has taken the file's place.
func openRegular(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("send %s: it is no longer a regular file", path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// copy sends the content of r as records of type t, as long as add permits.
func (w *Writer) copy(t Type, r io.Reader, add func(n int64) error) (problem, err error) {
	buf := make([]byte, MaxPayload)
	for {
		n, readErr := r.Read(buf)
		if n > 0 {
			if err := add(int64(n)); err != nil {
				return err, nil
			}
			if err := w.Write(t, buf[:n]); err != nil {
				return nil, err
			}
		}
		if errors.Is(readErr, io.EOF) {
			return nil, nil
		}
		if readErr != nil {
			return readErr, nil
		}
	}
}

// maxProblems is the number of problems that SendTrees describes one by one.
const maxProblems = 20

// trees is one call of SendTrees.
type trees struct {
	w        *Writer
	limits   Limits
	keep     func(path string, info fs.FileInfo) bool
	tally    tally
	root     string // the path below which files are sent now
	problems []string
	more     int // problems that are not in the list
}

// SendTrees sends the regular files at paths, and, for directories, all below that keep
// selects, each under its own absolute name. Paths that do not exist are skipped.
// The files together do not exceed limits. problems name the files that were not
// sent, with the reason; err is an error of the channel.
func (w *Writer) SendTrees(paths []string, limits Limits, keep func(path string, info fs.FileInfo) bool) (problems []string, err error) {
	t := &trees{w: w, limits: limits, keep: keep}
	for _, path := range paths {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		t.root = path
		if err := filepath.WalkDir(path, t.send); err != nil {
			return nil, err
		}
	}
	if t.more > 0 {
		t.problems = append(t.problems, fmt.Sprintf("%d more files could not be sent", t.more))
	}
	return t.problems, nil
}

// send sends one file. It returns only errors of the channel, which end the walk.
func (t *trees) send(path string, d fs.DirEntry, err error) error {
	if err != nil {
		t.note(err)
		return nil
	}
	info, err := d.Info()
	if err != nil {
		t.note(err)
		return nil
	}
	if !t.keep(path, info) {
		return nil
	}
	if problem := t.refuse(path, info); problem != nil {
		t.note(problem)
		return nil
	}
	problem := t.tally.begin(path, t.limits)
	if problem == nil {
		problem = t.tally.fits(info.Size(), t.limits)
	}
	if problem != nil {
		t.note(fmt.Errorf("send %w", problem))
		return nil
	}
	problem, err = t.w.sendFile(path, path, func(n int64) error { return t.tally.add(n, t.limits) })
	if problem != nil {
		t.note(problem)
	}
	return err
}

// refuse returns the reason why the receiver would take a file for invalid data, or nil.
func (t *trees) refuse(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("send %q: only regular files are sent, and it is not one (%v)", path, info.Mode())
	}
	name, below := strings.CutPrefix(path, t.root+"/")
	if !below {
		name = filepath.Base(path)
	}
	if err := CheckName(name); err != nil {
		return fmt.Errorf("send %q: %w", path, err)
	}
	return nil
}

// MaxLevels is how many directories below a place a file may be.
const MaxLevels = 32

// CheckName returns an error if a file that a test has made may not have this name below its
// place: it may be anything.
func CheckName(name string) error {
	if strings.Count(name, "/") > MaxLevels {
		return fmt.Errorf("it is more than %d directories below its place", MaxLevels)
	}
	if !utf8.ValidString(name) || strings.ContainsFunc(name, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return errors.New("its name is not printable")
	}
	return nil
}

// note keeps the description of a problem.
func (t *trees) note(problem error) {
	if len(t.problems) == maxProblems {
		t.more++
		return
	}
	t.problems = append(t.problems, problem.Error())
}
