package images

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kmodtest/kmodtest/images/internal/apt"
)

const recordFile = "kernel.json"

// record is what an entry of the cache says about itself. Paths are relative to the entry, so a cache can be moved.
type record struct {
	Release  string        `json:"release"`
	Version  string        `json:"version"`
	Image    string        `json:"image"`
	Boot     string        `json:"boot"`
	Build    string        `json:"build"`
	Modules  string        `json:"modules"`
	Key      string        `json:"key"`
	Packages []apt.Package `json:"packages,omitempty"`

	// Of kernels that were built here.
	Source   string `json:"source,omitempty"`
	Objects  int    `json:"objects,omitempty"`  // what find -name '*.o' | wc -l says in the tree after the build
	Compiler string `json:"compiler,omitempty"` // what it says of itself
	Table    string `json:"table,omitempty"`    // the user's kernels.toml that the row is from
}

func (r record) write(entry string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return fmt.Errorf("write kernel's record: %w", err)
	}
	if err := os.WriteFile(filepath.Join(entry, recordFile), append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write kernel's record: %w", err)
	}
	return nil
}

// readRecord reads what an entry of the cache says about itself.
func readRecord(entry string) (r record, err error) {
	text, err := os.ReadFile(filepath.Join(entry, recordFile))
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return r, fmt.Errorf("read kernel in cache, remove %s to have it made again: %w", entry, err)
	}
	return r, nil
}

// readKernel returns the kernel that is in an entry of the cache.
func readKernel(name, entry string) (*Kernel, error) {
	r, err := readRecord(entry)
	if err != nil {
		return nil, err
	}
	return &Kernel{
		Name:    name,
		Release: r.Release,
		Version: r.Version,
		Image:   filepath.Join(entry, r.Image),
		Boot:    filepath.Join(entry, r.Boot),
		Build:   filepath.Join(entry, r.Build),
		Modules: filepath.Join(entry, r.Modules),
		Key:     r.Key,
	}, nil
}
