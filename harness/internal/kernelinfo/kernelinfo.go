// Package kernelinfo reads facts from a kernel's release and its configuration.
package kernelinfo

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/kmodtest/kmodtest/images"
)

var numbers = regexp.MustCompile(`^\d+(\.\d+)*`)

// CompareReleases compares the numbers at the start of two releases, such as 6.1 and
// 6.1.0-13-amd64, which are the same as far as both have numbers.
func CompareReleases(a, b string) int {
	parts := func(release string) []string { return strings.Split(numbers.FindString(release), ".") }
	as, bs := parts(a), parts(b)
	for i := range min(len(as), len(bs)) {
		x, _ := strconv.Atoi(as[i]) // 0 for a release without a number
		y, _ := strconv.Atoi(bs[i])
		if x != y {
			return cmp.Compare(x, y)
		}
	}
	return 0
}

// Config returns a kernel's configuration, or nil if its files do not have it.
func Config(k *images.Kernel) []byte {
	if text := shipped(k); text != nil || k.Build == "" {
		return text
	}
	return read(filepath.Join(k.Build, ".config"))
}

// shipped returns the configuration that comes with a kernel's image, or nil.
func shipped(k *images.Kernel) []byte {
	return read(filepath.Join(filepath.Dir(k.Image), "config-"+k.Release))
}

// read returns a file, or nil if it cannot be read.
func read(path string) []byte {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return text
}

// HZ returns how often in a second a kernel's timer ticks, CONFIG_HZ, or 0 if that is unknown. In a
// build tree of the user, the configuration may have changed since the kernel was built.
func HZ(k *images.Kernel) int {
	config := Config
	if k.Version == "" { // it is given by a path
		config = shipped
	}
	for line := range bytes.Lines(config(k)) {
		if value, ok := bytes.CutPrefix(line, []byte("CONFIG_HZ=")); ok {
			hz, _ := strconv.Atoi(string(bytes.TrimSpace(value))) // 0 for what is no number
			return max(0, hz)
		}
	}
	return 0
}
