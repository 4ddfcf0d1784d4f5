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
	Packages []apt.Package `json:"packages"`
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

// readKernel returns the kernel that is in an entry of the cache.
func readKernel(name, entry string) (*Kernel, error) {
	text, err := os.ReadFile(filepath.Join(entry, recordFile))
	if err != nil {
		return nil, fmt.Errorf("read kernel in cache, remove %s to have it fetched again: %w", entry, err)
	}
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("read kernel in cache, remove %s to have it fetched again: %w", entry, err)
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
