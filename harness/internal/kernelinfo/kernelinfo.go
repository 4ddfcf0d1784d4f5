// Package kernelinfo reads facts from a kernel's release and its configuration.
package kernelinfo

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kmodtest/kmodtest/images"
)

// Before reports whether a kernel's release, as of uname -r, is before a version. One that does not
// begin with numbers is not.
func Before(release string, major, minor int) bool {
	var x, y int
	if _, err := fmt.Sscanf(release, "%d.%d", &x, &y); err != nil {
		return false
	}
	return x < major || x == major && y < minor
}

// Config returns the path of a kernel's configuration, or "" if its files have none that can be
// read.
func Config(k *images.Kernel) string {
	places := []string{filepath.Join(filepath.Dir(k.Image), "config-"+k.Release)}
	if k.Build != "" {
		places = append(places, filepath.Join(k.Build, ".config"))
	}
	for _, path := range places {
		if f, err := os.Open(path); err == nil {
			f.Close()
			return path
		}
	}
	return ""
}

// HZ returns how often in a second a kernel's timer ticks, CONFIG_HZ, or 0 if that is unknown.
func HZ(k *images.Kernel) int {
	path := Config(k)
	if path == "" {
		return 0
	}
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "CONFIG_HZ="); ok {
			hz, err := strconv.Atoi(value)
			if err != nil || hz < 0 {
				return 0
			}
			return hz
		}
	}
	return 0
}
