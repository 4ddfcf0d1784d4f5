package request

import (
	"path/filepath"
	"strings"
)

// CutKeep splits an entry of Config.Keep at its last colon: PATTERN, or PATTERN:DIRECTORY.
func CutKeep(entry string) (pattern, dir string, moved bool) {
	if i := strings.LastIndexByte(entry, ':'); i >= 0 {
		return entry[:i], entry[i+1:], true
	}
	return entry, "", false
}

// AbsoluteKeep returns an entry of Config.Keep with absolute paths; relative ones start
// from dir.
func AbsoluteKeep(dir, entry string) string {
	absolute := func(path string) string {
		if filepath.IsAbs(path) {
			return filepath.Clean(path)
		}
		return filepath.Join(dir, path)
	}
	pattern, to, moved := CutKeep(entry)
	if !moved {
		return absolute(pattern)
	}
	return absolute(pattern) + ":" + absolute(to)
}
