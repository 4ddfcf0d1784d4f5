package images

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/kmodtest/kmodtest/images/cache"
	"github.com/kmodtest/kmodtest/images/internal/apt"
)

const recordFile = "kernel.json"

// record describes the kernel in a cache entry, and is stored in it. Paths are relative to the entry,
// so a cache can be moved.
type record struct {
	Release  string        `json:"release"`
	Version  string        `json:"version"`
	Image    string        `json:"image"`
	Boot     string        `json:"boot"`
	Build    string        `json:"build"`
	Modules  string        `json:"modules"`
	Key      string        `json:"key"`
	Needs    []string      `json:"needs,omitempty"` // packages of a build root for this kernel
	Packages []apt.Package `json:"packages,omitempty"`
	Arch     string        `json:"arch,omitempty"`  // GOARCH; only in images that were pushed
	Table    string        `json:"table,omitempty"` // path of the user's kernels.toml that has the row

	// Only for kernels that were built from source.
	Source   string `json:"source,omitempty"`
	Objects  int    `json:"objects,omitempty"`  // number of object files in the tree after the build
	Compiler string `json:"compiler,omitempty"` // first line of gcc --version
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

// readRecord reads the record of a cache entry.
func readRecord(entry string) (r record, err error) {
	text, err := os.ReadFile(filepath.Join(entry, recordFile))
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return r, fmt.Errorf("read kernel in cache: %w; remove %s to fetch or build it again", err, entry)
	}
	return r, nil
}

// readKernel returns the kernel of a row in a cache entry.
func readKernel(row Row, entry string) (*Kernel, error) {
	r, err := readRecord(entry)
	if err != nil {
		return nil, err
	}
	return &Kernel{
		Name:    row.Name,
		Arch:    row.Arch,
		Release: r.Release,
		Version: r.Version,
		Image:   below(entry, r.Image),
		Boot:    below(entry, r.Boot),
		Build:   below(entry, r.Build),
		Modules: below(entry, r.Modules),
		Key:     r.Key,
	}, nil
}

// below returns the path of a file in an entry; "" stays "".
func below(entry, name string) string {
	if name == "" {
		return ""
	}
	return filepath.Join(entry, name)
}

// newRecord returns the record of an entry with these packages. Its key covers their contents.
func newRecord(release string, packages []apt.Package, needs []string) record {
	parts := []string{layout, strconv.Itoa(len(packages))}
	for _, p := range packages {
		parts = append(parts, p.Name, p.Version, p.SHA256)
	}
	return record{
		Release:  release,
		Version:  packages[0].Version,
		Image:    "boot/vmlinuz-" + release,
		Boot:     "boot/vmlinuz-" + release,
		Modules:  "lib/modules/" + release,
		Key:      cache.Digest(parts...),
		Needs:    needs,
		Packages: packages,
	}
}
