package unpack

import (
	"archive/tar"
	"cmp"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// Limits are the most that some archives may hold together. Files that are left out count as well.
type Limits struct {
	File  int64 // bytes of a file
	All   int64 // bytes of all files, and of the archives without their compression
	Files int   // files, directories and links
}

// usual are limits far above what kernels need: those of the built-in table have at most 24,000 files, 514 MiB, and 66 MB in
// a file; their build roots have 2,100 files and 324 MiB. A kernel with debug information has some GiB, and an image of a
// whole system several 100,000 files.
var usual = Limits{File: 8 << 30, All: 16 << 30, Files: 1_000_000}

// deepest is how many directories a file may be below: removing a directory opens as many files as it is deep.
const deepest = 100

// Contents counts what archives hold, and compares it with limits. The zero value has the usual limits. It may be used from
// one goroutine.
type Contents struct {
	Limits  Limits          // zero fields are the usual limits
	read    int64           // bytes of archives
	written int64           // bytes of files
	files   int             // entries of archives, and directories that have none
	dirs    map[string]bool // directories of the entries
}

// Check reads an archive to its end, and returns an error if it exceeds the limits, or with those that were checked before.
func (c *Contents) Check(archive io.Reader) error {
	return c.entries(archive, func(*tar.Header, io.Reader) error { return nil })
}

// entries calls handle for each entry of an archive, and reads the archive to its end.
func (c *Contents) entries(archive io.Reader, handle func(*tar.Header, io.Reader) error) error {
	archive = meter{archive, &c.read, cmp.Or(c.Limits.All, usual.All), "it unpacks to"}
	for reader := tar.NewReader(archive); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			_, err := io.Copy(io.Discard, archive) // what writes it may fail yet
			return err
		}
		if err != nil {
			return err
		}
		if err := c.count(header.Name, header.Size); err != nil {
			return err
		}
		if err := handle(header, reader); err != nil {
			return err
		}
	}
}

// count adds an entry.
func (c *Contents) count(name string, size int64) error {
	name = clean(name)
	if strings.Count(name, "/") > deepest {
		return fmt.Errorf("it has a file below more than %d directories", deepest)
	}
	if most := cmp.Or(c.Limits.File, usual.File); size > most {
		return fmt.Errorf("its file %s has more than %s", name, amount(most))
	}
	c.files++
	if c.dirs == nil {
		c.dirs = map[string]bool{}
	}
	for dir := path.Dir(name); dir != "." && !c.dirs[dir]; dir = path.Dir(dir) { // it may have no entry
		c.dirs[dir] = true
		c.files++
	}
	if most := cmp.Or(c.Limits.Files, usual.Files); c.files > most {
		return fmt.Errorf("it has more than %d files", most)
	}
	return nil
}

// file returns a reader of a file's content.
func (c *Contents) file(content io.Reader) io.Reader {
	content = meter{content, new(int64), cmp.Or(c.Limits.File, usual.File), "the file has"}
	return meter{content, &c.written, cmp.Or(c.Limits.All, usual.All), "all files have"}
}

// meter reads from a reader until some readers have given more than most bytes.
type meter struct {
	io.Reader
	given *int64
	most  int64
	what  string // begins the error
}

func (m meter) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	if *m.given += int64(n); *m.given > m.most {
		return 0, fmt.Errorf("%s more than %s", m.what, amount(m.most))
	}
	return n, err
}

// amount returns a number of bytes as text.
func amount(bytes int64) string {
	if bytes%(1<<30) == 0 {
		return fmt.Sprintf("%d GiB", bytes>>30)
	}
	return fmt.Sprintf("%d bytes", bytes)
}
