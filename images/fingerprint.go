package images

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// fingerprint is a hash that changes when files change. It uses the result of stat(2) for each file,
// not the contents. That includes the time of the last status change, which, unlike the
// modification time, cannot be set.
type fingerprint struct {
	sum hash.Hash
	err error // the first one
}

func newFingerprint() *fingerprint { return &fingerprint{sum: sha256.New()} }

// hex returns the fingerprint of all that was added, or the first error.
func (f *fingerprint) hex() (string, error) {
	if f.err != nil {
		return "", fmt.Errorf("check whether files have changed: %w", f.err)
	}
	return hex.EncodeToString(f.sum.Sum(nil)), nil
}

// text adds a string.
func (f *fingerprint) text(s string) { _, _ = fmt.Fprintf(f.sum, "%q\n", s) }

// file adds a file. A missing file changes the fingerprint as well.
func (f *fingerprint) file(path string) {
	info, err := os.Stat(path)
	f.add(path, info, err)
}

// tree adds all files below a directory except .git, without following links. A missing directory
// counts as empty.
func (f *fingerprint) tree(dir string) {
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && entry.Name() == ".git" {
			return fs.SkipDir
		}
		if !entry.IsDir() {
			info, err := entry.Info()
			f.add(path, info, err)
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) && f.err == nil {
		f.err = err
	}
}

func (f *fingerprint) add(path string, info fs.FileInfo, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		f.text(path)
		return
	}
	if err != nil {
		if f.err == nil {
			f.err = err
		}
		return
	}
	line := fmt.Appendf(nil, "%q %d %d", path, info.Size(), info.ModTime().UnixNano())
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		line = fmt.Appendf(line, " %d %d %d", st.Ino, st.Ctim.Sec, st.Ctim.Nsec)
	}
	_, _ = f.sum.Write(append(line, '\n')) // a hash returns no error
}

// buildDirectory adds the files that a build of modules reads in its directory: make -C dir M=…
func (f *fingerprint) buildDirectory(dir string) {
	f.makeTree(dir)
	// A tree built with O= has its sources elsewhere.
	if source := filepath.Join(dir, "source"); isFile(filepath.Join(source, "Makefile")) {
		f.makeTree(source)
	}
}

func (f *fingerprint) makeTree(dir string) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		if f.err == nil {
			f.err = err
		}
		return
	}
	for _, name := range []string{"Makefile", ".config", ".kernelvariables", "Module.symvers", "vmlinux", "tools/objtool/objtool"} {
		f.file(filepath.Join(dir, name))
	}
	for _, name := range []string{"include", "arch/x86/include", "scripts"} {
		f.tree(filepath.Join(dir, name))
	}
}
