package wire

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// FileHead announces a file, a directory or a symbolic link. A file's content
// follows in Data records, up to a FileEnd.
type FileHead struct {
	Name string      // absolute path
	Mode fs.FileMode // type and permissions
	Time time.Time   // of its last change
	Link string      // where a symbolic link leads
}

func (h *FileHead) fields(c codec) {
	mode, changed := int64(h.Mode), h.Time.UnixNano()
	c.text(&h.Name)
	c.number(&mode)
	c.number(&changed)
	c.text(&h.Link)
	h.Mode, h.Time = fs.FileMode(mode), time.Unix(0, changed)
}

// SendFile sends the file, directory (without what is in it) or symbolic link at
// path, under the given name. Files of other kinds are an error. Only one
// goroutine may send files on a Writer.
func (w *Writer) SendFile(path, name string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	head := FileHead{Name: name, Mode: info.Mode(), Time: info.ModTime()}
	switch info.Mode().Type() {
	case fs.ModeDir:
		return w.WriteMessage(File, &head)
	case fs.ModeSymlink:
		if head.Link, err = os.Readlink(path); err != nil {
			return err
		}
		return w.WriteMessage(File, &head)
	case 0:
	default:
		return fmt.Errorf("send %s: neither a file nor a directory nor a symbolic link", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := w.WriteMessage(File, &head); err != nil {
		return err
	}
	// A file that can not be read to its end must not be taken for whole.
	readErr, err := w.copy(Data, f)
	end := ""
	if readErr != nil {
		end = readErr.Error()
	}
	return errors.Join(readErr, err, w.Write(FileEnd, []byte(end)))
}

// copy sends what r reads as records of type t.
func (w *Writer) copy(t Type, r io.Reader) (readErr, err error) {
	buf := make([]byte, MaxPayload)
	for {
		n, readErr := r.Read(buf)
		if n > 0 {
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

// SendTree sends path and, when it is a directory, all that is below it, as far
// as keep wants it, each under its own absolute name.
func (w *Writer) SendTree(path string, keep func(path string, info fs.FileInfo) bool) error {
	return filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil || !keep(path, info) {
			return err
		}
		return w.SendFile(path, path)
	})
}

// Sink takes one file's content. It ends with a call of either Commit, when the
// file is whole, or Discard.
type Sink interface {
	io.Writer
	Commit() error
	Discard()
}

// Receiver puts together the files that arrive in records. Create says where
// the content of a regular file goes, and makes what has none: then its Sink is
// nil.
type Receiver struct {
	Create func(FileHead) (Sink, error)

	name string
	sink Sink
}

// Take acts on a record of type File, Data or FileEnd.
func (r *Receiver) Take(rec Record) error {
	switch {
	case rec.Type == File && r.sink == nil:
		var head FileHead
		if err := rec.Decode(&head); err != nil {
			return err
		}
		sink, err := r.Create(head)
		if err != nil {
			return err // what came with it is no sink
		}
		r.name, r.sink = head.Name, sink
		return nil
	case rec.Type == Data && r.sink != nil:
		_, err := r.sink.Write(rec.Payload)
		return err
	case rec.Type == FileEnd && r.sink != nil:
		sink := r.sink
		r.sink = nil
		if len(rec.Payload) > 0 {
			sink.Discard()
			return fmt.Errorf("receive %s: the sender could not read it: %s", r.name, rec.Payload)
		}
		return sink.Commit()
	}
	return fmt.Errorf("receive files: %v record out of order", rec.Type)
}

// Abort discards a file that is not whole yet.
func (r *Receiver) Abort() {
	if r.sink != nil {
		r.sink.Discard()
		r.sink = nil
	}
}
