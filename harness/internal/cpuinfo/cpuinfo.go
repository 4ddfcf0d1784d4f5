// Package cpuinfo reads /proc/cpuinfo, in which Linux describes the host's processors.
package cpuinfo

import (
	"bufio"
	"os"
	"strings"
)

// Path is the file of this system.
const Path = "/proc/cpuinfo"

// Field returns a field of the first processor in a file like that at Path, or "" if it has
// no such field.
func Field(path, want string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if strings.TrimSpace(name) == want {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
