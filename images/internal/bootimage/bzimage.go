package bootimage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// ErrNotBzImage is the error for a file without the header of an x86 boot image.
var ErrNotBzImage = errors.New("not an x86 boot image (bzImage)")

// Release returns the kernel release in a bzImage. See Documentation/arch/x86/boot.rst. The
// error is ErrNotBzImage for a file of another kind.
func Release(path string) (string, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrPermission) {
		return "", fmt.Errorf("read kernel image: %w; make it readable (chmod a+r), or give a directory with a copy of it", err)
	}
	if err != nil {
		return "", fmt.Errorf("read kernel image: %w", err)
	}
	defer func() { _ = file.Close() }()
	const (
		magicAt   = 0x202
		versionAt = 0x20e
		base      = 0x200 // the version's offset is relative to this
	)
	head := make([]byte, versionAt+2)
	if _, err := io.ReadFull(file, head); err != nil || string(head[magicAt:magicAt+4]) != "HdrS" {
		return "", fmt.Errorf("read kernel image %s: %w", path, ErrNotBzImage)
	}
	text := make([]byte, 256)
	n, err := file.ReadAt(text, int64(binary.LittleEndian.Uint16(head[versionAt:]))+base)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read version in kernel image: %w", err)
	}
	version, _, _ := strings.Cut(string(text[:n]), "\x00")
	release, _, _ := strings.Cut(version, " ")
	if release == "" {
		return "", fmt.Errorf("read version in kernel image %s: the version is empty", path)
	}
	if strings.Contains(release, "/") { // it becomes part of names
		return "", fmt.Errorf("read version in kernel image %s: %q cannot be the name of a directory", path, release)
	}
	return release, nil
}
