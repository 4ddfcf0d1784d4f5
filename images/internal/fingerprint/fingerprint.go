// Package fingerprint computes hashes that change when files change, without reading them.
package fingerprint

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

	"github.com/kmodtest/kmodtest/images/arch"
	"github.com/kmodtest/kmodtest/images/internal/files"
)

// Fingerprint is a hash that changes when files change. It uses the result of stat(2) for each file,
// not the contents. That includes the time of the last status change, which, unlike the
// modification time, cannot be set.
type Fingerprint struct {
	sum hash.Hash
	err error // the first one
}

// New returns a fingerprint of nothing.
func New() *Fingerprint { return &Fingerprint{sum: sha256.New()} }

// Hex returns the fingerprint of all that was added, or the first error.
func (f *Fingerprint) Hex() (string, error) {
	if f.err != nil {
		return "", fmt.Errorf("check whether files have changed: %w", f.err)
	}
	return hex.EncodeToString(f.sum.Sum(nil)), nil
}

// Text adds a string.
func (f *Fingerprint) Text(s string) { _, _ = fmt.Fprintf(f.sum, "%q\n", s) }

// File adds a file. A missing file changes the fingerprint as well.
func (f *Fingerprint) File(path string) {
	info, err := os.Stat(path)
	f.add(path, info, err)
}

// Tree adds all files below a directory except .git, without following links. A missing directory
// counts as empty.
func (f *Fingerprint) Tree(dir string) {
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

func (f *Fingerprint) add(path string, info fs.FileInfo, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		f.Text(path)
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

// BuildDirectory adds the files that a build of modules reads in its directory: make -C dir M=…
func (f *Fingerprint) BuildDirectory(dir string) {
	of := arch.OfBuild(dir)
	f.makeTree(dir, of)
	// A tree built with O= has its sources elsewhere.
	if source := filepath.Join(dir, "source"); files.Is(filepath.Join(source, "Makefile")) {
		f.makeTree(source, of)
	}
}

func (f *Fingerprint) makeTree(dir string, of arch.Arch) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		if f.err == nil {
			f.err = err
		}
		return
	}
	for _, name := range []string{"Makefile", ".config", ".kernelvariables", "Module.symvers", "vmlinux", "tools/objtool/objtool"} {
		f.File(filepath.Join(dir, name))
	}
	for _, name := range []string{"include", filepath.Join("arch", of.Source, "include"), "scripts"} {
		f.Tree(filepath.Join(dir, name))
	}
}
