package images

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// bzImage returns a minimal boot image.
func bzImage(release string) []byte {
	image := make([]byte, 0x400)
	copy(image[0x202:], "HdrS")
	binary.LittleEndian.PutUint16(image[0x20e:], 0x100)
	copy(image[0x300:], release+" (builder@example) #1 SMP\x00")
	return image
}

func TestImageRelease(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bzImage")
	write := func(content []byte) {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(bzImage("6.1.0-50-cloud-amd64"))
	if got, err := imageRelease(path); err != nil || got != "6.1.0-50-cloud-amd64" {
		t.Errorf("got %q, %v", got, err)
	}
	write(bzImage("")[:0x301])
	if got, err := imageRelease(path); err == nil {
		t.Errorf("image without a version: got release %q, want an error", got)
	}
	for _, content := range []string{"", "\x7fELF", string(make([]byte, 4096))} {
		write([]byte(content))
		if _, err := imageRelease(path); !errors.Is(err, errNotBzImage) {
			t.Errorf("%d bytes: got %v, want errNotBzImage", len(content), err)
		}
	}
	if _, err := imageRelease(path + ".not"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
