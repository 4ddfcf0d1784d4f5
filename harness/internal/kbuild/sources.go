package kbuild

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// sources are the files of a module's directory, as paths relative to it.
type sources struct {
	dir   string
	files []string
}

// findSources lists what a build needs. Left out are hidden files, what an
// earlier build in the user's tree left there, and what is not for a compiler of
// C: Go code, prose, patches.
func findSources(dir string) (sources, error) {
	s := sources{dir: dir}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path != dir && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() || isNoSource(d.Name()) {
			return nil
		}
		rel, err := filepath.Rel(dir, path)
		s.files = append(s.files, rel)
		return err
	})
	if err != nil {
		return s, fmt.Errorf("read module sources: %w", err)
	}
	for _, name := range []string{"Kbuild", "Makefile"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return s, nil
		}
	}
	return s, fmt.Errorf("%s holds no kernel module: it has neither a Kbuild nor a Makefile", dir)
}

func isNoSource(name string) bool {
	switch filepath.Ext(name) {
	case ".o", ".ko", ".a", ".mod", ".cmd", ".order", ".symvers", ".go", ".md", ".patch":
		return true
	}
	return strings.HasSuffix(name, ".mod.c")
}

// hash covers the names and the contents of all files.
func (s sources) hash() (string, error) {
	h := sha256.New()
	for _, name := range s.files {
		b, err := os.ReadFile(filepath.Join(s.dir, name))
		if err != nil {
			return "", fmt.Errorf("read module sources: %w", err)
		}
		fmt.Fprintf(h, "%q %d\n", name, len(b))
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// copyTo copies all files to directory dst, which exists.
func (s sources) copyTo(dst string) error {
	for _, name := range s.files {
		b, err := os.ReadFile(filepath.Join(s.dir, name))
		if err != nil {
			return fmt.Errorf("copy module sources: %w", err)
		}
		to := filepath.Join(dst, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, b, 0o644); err != nil {
			return fmt.Errorf("copy module sources: %w", err)
		}
	}
	return nil
}
