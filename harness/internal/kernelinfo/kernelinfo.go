// Package kernelinfo reads facts from a kernel's release and its configuration.
package kernelinfo

import (
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

// Config returns a kernel's configuration, or nil if its files do not have it.
func Config(k *images.Kernel) []byte {
	if text, err := os.ReadFile(beside(k)); err == nil || k.Build == "" {
		return text
	}
	text, _ := os.ReadFile(filepath.Join(k.Build, ".config")) // without it there is none
	return text
}

// beside returns the path of the configuration that comes with a kernel's image.
func beside(k *images.Kernel) string {
	return filepath.Join(filepath.Dir(k.Image), "config-"+k.Release)
}

// HZ returns how often in a second a kernel's timer ticks, CONFIG_HZ, or 0 if that is unknown. In a
// build tree of the user, the configuration may have changed since the kernel was built.
func HZ(k *images.Kernel) int {
	text, err := os.ReadFile(beside(k))
	if err != nil && k.Version != "" { // a row's kernel
		text = Config(k)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "CONFIG_HZ="); ok {
			hz, err := strconv.Atoi(strings.TrimSpace(value))
			if err != nil || hz < 0 {
				return 0
			}
			return hz
		}
	}
	return 0
}
