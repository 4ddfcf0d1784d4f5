package kbuild

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// sources are the files of a module's directory, as paths relative to it.
type sources struct {
	dir   string
	files []string
}

// findSources lists the files that a build needs. It leaves out hidden files,
// files made by an earlier build in the user's tree, and files that do not take
// part in a build: Go code, Markdown, patches. It follows links.
func findSources(dir string) (sources, error) {
	s := sources{dir: dir}
	if err := s.add("", nil); err != nil {
		return s, fmt.Errorf("read module sources: %w", err)
	}
	if !slices.Contains(s.files, "Kbuild") && !slices.Contains(s.files, "Makefile") {
		return s, fmt.Errorf("%s is not the source of a kernel module: it has neither a Kbuild nor a Makefile", dir)
	}
	return s, nil
}

// add adds the files of a directory, which is relative to s.dir. above are the
// real paths of its parent directories.
func (s *sources) add(rel string, above []string) error {
	dir := filepath.Join(s.dir, rel)
	where, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	if slices.Contains(above, where) {
		return fmt.Errorf("%s is a link to its own parent directory %s", dir, where)
	}
	above = append(slices.Clip(above), where)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := filepath.Join(rel, entry.Name())
		if strings.HasPrefix(entry.Name(), ".") || !entry.IsDir() && isNoSource(entry.Name()) {
			continue
		}
		info, err := os.Stat(filepath.Join(s.dir, name)) // follows links
		if err != nil {
			return err
		}
		switch {
		case info.IsDir():
			if err := s.add(name, above); err != nil {
				return err
			}
		case info.Mode().IsRegular():
			s.files = append(s.files, name)
		}
	}
	return nil
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
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(to, b, 0o644); err != nil {
			return fmt.Errorf("copy module sources: %w", err)
		}
	}
	return nil
}
