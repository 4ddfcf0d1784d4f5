package coverage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Names of the files that Write writes.
const (
	ProfileName   = "coverage.json"
	LCOVName      = "coverage.info"
	CoberturaName = "cobertura.xml"
)

// Write writes a profile to files in a directory, which it makes. root is the directory
// to which paths in the Cobertura file are relative.
func Write(dir string, p *Profile, root string, now time.Time) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	var lcov, cobertura bytes.Buffer
	if err := errors.Join(p.WriteLCOV(&lcov), p.WriteCobertura(&cobertura, root, now.Unix())); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range []struct {
		name    string
		content []byte
	}{{ProfileName, append(text, '\n')}, {LCOVName, lcov.Bytes()}, {CoberturaName, cobertura.Bytes()}} {
		if err := os.WriteFile(filepath.Join(dir, f.name), f.content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Remove removes the files that Write has written to a directory.
func Remove(dir string) error {
	for _, name := range []string{ProfileName, LCOVName, CoberturaName} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Read reads the profile that Write has written to a directory. It returns nil if there is
// none.
func Read(dir string) (*Profile, error) {
	path := filepath.Join(dir, ProfileName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p := &Profile{}
	if err := json.Unmarshal(text, p); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}
