package wire

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Packer sends files as a tar stream in File records. Only one may be in use
// on a Writer at a time.
type Packer struct {
	w   *Writer
	buf *bufio.Writer
	tar *tar.Writer
}

// Pack starts a stream of files. Close ends it.
func (w *Writer) Pack() *Packer {
	buf := bufio.NewWriterSize(w.Stream(File), MaxPayload)
	return &Packer{w: w, buf: buf, tar: tar.NewWriter(buf)}
}

// Add sends the file, directory (without what is in it) or symbolic link at
// path, under the given name. Files of other kinds are an error.
func (p *Packer) Add(path, name string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	link := ""
	switch info.Mode().Type() {
	case 0, fs.ModeDir:
	case fs.ModeSymlink:
		if link, err = os.Readlink(path); err != nil {
			return err
		}
	default:
		return fmt.Errorf("send %s: neither a file nor a directory nor a symbolic link", path)
	}
	head, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return fmt.Errorf("send %s: %w", path, err)
	}
	head.Name, head.Format = name, tar.FormatPAX
	head.Uid, head.Gid, head.Uname, head.Gname = 0, 0, "", ""
	if err := p.tar.WriteHeader(head); err != nil {
		return fmt.Errorf("send %s: %w", path, err)
	}
	if !info.Mode().IsRegular() {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.CopyN(p.tar, f, head.Size); err != nil {
		return fmt.Errorf("send %s: %w", path, err)
	}
	return nil
}

// AddTree sends path and, when it is a directory, all that is below it, as far
// as keep wants it (nil wants all), each under its own absolute name.
func (p *Packer) AddTree(path string, keep func(path string, info fs.FileInfo) bool) error {
	return filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if keep != nil && !keep(path, info) {
			return nil
		}
		return p.Add(path, path)
	})
}

// Close ends the stream.
func (p *Packer) Close() error {
	if err := p.tar.Close(); err != nil {
		return fmt.Errorf("send files: %w", err)
	}
	if err := p.buf.Flush(); err != nil {
		return err
	}
	return p.w.Write(FileEnd, nil)
}

// Unpacker takes the payloads of File records and hands each file to a
// function.
type Unpacker struct {
	pipe *io.PipeWriter
	done chan error
}

// NewUnpacker returns an Unpacker that calls store for each file, one after
// the other, on a goroutine of its own that ends with Close.
func NewUnpacker(store func(*tar.Header, io.Reader) error) *Unpacker {
	r, w := io.Pipe()
	u := &Unpacker{pipe: w, done: make(chan error, 1)}
	go func() {
		err := unpack(tar.NewReader(r), store)
		if err == nil {
			_, err = io.Copy(io.Discard, r) // the padding behind the end mark
		}
		r.CloseWithError(err)
		u.done <- err
	}()
	return u
}

func unpack(r *tar.Reader, store func(*tar.Header, io.Reader) error) error {
	for {
		head, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("receive files: %w", err)
		}
		if err := store(head, r); err != nil {
			return err
		}
	}
}

// Write takes the payload of one File record.
func (u *Unpacker) Write(p []byte) (int, error) { return u.pipe.Write(p) }

// Abort ends the stream before its end, and waits until store has returned. Its
// error is what that made of it.
func (u *Unpacker) Abort() error {
	u.pipe.CloseWithError(io.ErrUnexpectedEOF)
	return <-u.done
}

// Close ends the stream after FileEnd and waits until the last file is stored.
// It returns the first error of store.
func (u *Unpacker) Close() error {
	u.pipe.Close()
	return <-u.done
}
