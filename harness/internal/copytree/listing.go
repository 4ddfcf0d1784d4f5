// Package copytree keeps a copy of a user's directory in which a build works: it brings
// the copy to the state of the directory, changes only files that differ, and tells which
// files have been read.
package copytree

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Listing holds the user's files of a source. It is not safe for concurrent use.
type Listing struct {
	root   string // absolute
	real   string // root without links
	Files  []*File
	byName map[string]*File
}

// File is a file of a Listing.
type File struct {
	Name string      // path relative to the root
	Path string      // absolute; its content is that of the file
	Link string      // for a link that stays one in the copy: its text; else ""
	mode fs.FileMode // permissions
	hash string      // see Digest; "" if it has not been read yet
}

// parent is a directory on the way to a file.
type parent struct{ name, real string }

// List lists the files that the copy of a directory has. It leaves out hidden
// directories, outputs of earlier builds, and files that are known not to be part of a
// module. A link to a place inside of the directory stays a link, and so does one that
// leads nowhere; others are replaced by their targets.
func List(root string) (*Listing, error) {
	l := &Listing{root: root, byName: map[string]*File{}}
	var err error
	if l.real, err = filepath.EvalSymlinks(root); err == nil {
		err = l.add("", l.real, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("read module sources: %w", err)
	}
	for _, f := range l.Files {
		l.byName[f.Name] = f
	}
	return l, nil
}

// add adds the files of a directory. whole is its path, without links.
func (l *Listing) add(rel, whole string, above []parent) error {
	above = append(slices.Clip(above), parent{rel, whole})
	entries, err := os.ReadDir(whole)
	if errors.Is(err, fs.ErrPermission) && rel != "" {
		return nil // a build that needs it fails
	}
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, entry := range entries {
		names[entry.Name()] = true
	}
	for _, entry := range entries {
		name, path := filepath.Join(rel, entry.Name()), filepath.Join(whole, entry.Name())
		switch {
		case entry.Type() == fs.ModeSymlink:
			err = l.addLink(name, path, above)
		case entry.IsDir() && !IsForeignDir(entry.Name()):
			err = l.add(name, path, above)
		case entry.Type().IsRegular() && !isForeign(entry.Name(), names):
			err = l.addFile(name, path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *Listing) addFile(name, path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) { // removed since it was listed
		return nil
	}
	if err == nil {
		l.Files = append(l.Files, &File{Name: name, Path: path, mode: info.Mode().Perm()})
	}
	return err
}

// addLink adds a link, or what it leads to.
func (l *Listing) addLink(name, path string, above []parent) error {
	text, err := os.Readlink(path)
	if err != nil {
		return err
	}
	stay := func(text string) error {
		if !isForeign(filepath.Base(name), nil) {
			l.Files = append(l.Files, &File{Name: name, Path: path, Link: text})
		}
		return nil
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil { // it leads nowhere, in circles, or to a place without permission
		return stay(text)
	}
	info, err := os.Stat(target)
	if err != nil {
		return stay(text)
	}
	if inside, ok := Below(l.real, target); ok && !isHidden(inside) {
		text, err := filepath.Rel(filepath.Dir(name), inside)
		if err != nil {
			return err
		}
		return stay(text)
	}
	if !info.IsDir() {
		if info.Mode().IsRegular() && !isForeign(filepath.Base(name), nil) {
			return l.addFile(name, target)
		}
		return nil
	}
	if i := slices.IndexFunc(above, func(p parent) bool { return p.real == target }); i >= 0 {
		text, err := filepath.Rel(filepath.Dir(name), above[i].name)
		if err != nil {
			return err
		}
		return stay(text)
	}
	// A directory around the sources, or a kernel's sources, are too large for a copy.
	if _, around := Below(target, l.real); around || isFile(filepath.Join(target, "Kconfig")) && isFile(filepath.Join(target, "include/linux/kconfig.h")) {
		return stay(target)
	}
	return l.add(name, target, above)
}

// File returns the file of that name, or nil.
func (l *Listing) File(name string) *File { return l.byName[name] }

// Below returns the path of a file relative to dir, and whether it is dir or below it.
func Below(dir, path string) (string, bool) {
	if path == dir {
		return ".", true
	}
	return strings.CutPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// isHidden reports whether a path has a directory that copies lack.
func isHidden(path string) bool {
	return slices.ContainsFunc(strings.Split(path, "/"), func(name string) bool { return name != "." && IsForeignDir(name) })
}

// IsForeignDir reports whether a directory is certainly not part of a module: hidden
// ones, and those of Go tests and of our reports.
func IsForeignDir(name string) bool {
	return strings.HasPrefix(name, ".") || name == "testdata" || name == "kmodtest-report"
}

// isForeign reports whether a file is an output of an earlier build in the user's tree,
// or certainly not part of a module. siblings are the names in its directory.
func isForeign(name string, siblings map[string]bool) bool {
	switch filepath.Ext(name) {
	case ".ko", ".mod", ".cmd", ".order", ".symvers", ".go", ".md", ".swp":
		return true
	case ".o", ".a": // without a .cmd file, a part of the sources that comes as an object
		return siblings["."+name+".cmd"]
	}
	switch name {
	case "go.mod", "go.sum", "go.work", "go.work.sum", "kernels.toml":
		return true
	}
	return strings.HasSuffix(name, ".mod.c") || strings.HasSuffix(name, "~") || strings.HasPrefix(name, ".#")
}

// IsSourceLike reports whether a makefile may pick up a file by a pattern, or the
// compiler by a search path, so that its mere existence changes the build.
func IsSourceLike(name string) bool {
	base := filepath.Base(name)
	for _, prefix := range []string{"Makefile", "Kbuild", "Kconfig"} {
		if strings.HasPrefix(base, prefix) {
			return true
		}
	}
	switch filepath.Ext(base) {
	case ".c", ".h", ".S", ".s", ".rs", ".o", ".a", ".inc", ".mk", ".in", ".lds", ".dts", ".dtsi", ".sh", ".pl", ".py", ".awk":
		return true
	}
	return strings.HasSuffix(base, "_shipped")
}

// Names returns a hash of all links, and of the names of all files or of the
// source-like ones.
func (l *Listing) Names(all bool) string {
	h := sha256.New()
	for _, f := range l.Files {
		if all || f.Link != "" || IsSourceLike(f.Name) {
			fmt.Fprintf(h, "%q %q ", f.Name, f.Link)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Digest returns a hash of the file's content and of its permission to be executed, or
// the text of a link. It reads the content once.
func (f *File) Digest() (string, error) {
	if f.Link != "" {
		return "-> " + f.Link, nil
	}
	if f.hash == "" {
		if err := f.read(io.Discard); err != nil {
			return "", err
		}
	}
	return f.hash, nil
}

// Readable reports whether this process may read the file.
func (f *File) Readable() bool {
	return f.Link != "" || !errors.Is(unix.Access(f.Path, unix.R_OK), fs.ErrPermission)
}

// read writes the file's content to w, and notes its digest.
func (f *File) read(w io.Writer) error {
	in, err := os.Open(f.Path)
	if errors.Is(err, fs.ErrPermission) {
		f.hash = "no permission"
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(h, w), in); err != nil {
		return err
	}
	f.hash = fmt.Sprintf("%t %x", f.mode&0o111 != 0, h.Sum(nil)[:16])
	return nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
