package oci

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

// packing is an archive to be made of a directory. It has no times and no owners.
type packing struct {
	dir     string
	below   string            // directory in the archive
	replace map[string][]byte // new contents of files
}

// write writes the archive, compressed by zstd, to a file.
func (p packing) write(ctx context.Context, file string) (err error) {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	compressed, err := zstd.NewWriter(out)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(compressed)
	err = fs.WalkDir(os.DirFS(p.dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		return p.add(archive, name, entry)
	})
	return errors.Join(err, archive.Close(), compressed.Close())
}

// add adds a file, a directory or a link to an archive.
func (p packing) add(archive *tar.Writer, name string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	file := filepath.Join(p.dir, name)
	header := &tar.Header{Name: path.Join(p.below, name), Mode: int64(info.Mode().Perm()), Format: tar.FormatPAX}
	switch info.Mode().Type() {
	case fs.ModeDir:
		header.Typeflag = tar.TypeDir
		header.Name += "/"
	case fs.ModeSymlink:
		header.Typeflag = tar.TypeSymlink
		if header.Linkname, err = os.Readlink(file); err != nil {
			return err
		}
	case 0:
		return p.addFile(archive, header, name, file, info.Size())
	default:
		return nil // such as a socket
	}
	return archive.WriteHeader(header)
}

func (p packing) addFile(archive *tar.Writer, header *tar.Header, name, file string, size int64) error {
	header.Typeflag, header.Size = tar.TypeReg, size
	text, replaced := p.replace[name]
	var content io.Reader = bytes.NewReader(text)
	if replaced {
		header.Size = int64(len(text))
	} else {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		content = f
	}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.Copy(archive, content)
	return err
}
