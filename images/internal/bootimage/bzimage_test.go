package bootimage

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/kmodtest/kmodtest/images/internal/bootimage/bootimagetest"
)

func TestImageRelease(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bzImage")
	write := func(content []byte) {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(bootimagetest.Image("6.1.0-50-cloud-amd64"))
	if got, err := Release(path); err != nil || got != "6.1.0-50-cloud-amd64" {
		t.Errorf("got %q, %v", got, err)
	}
	write(bootimagetest.Image("")[:0x301])
	if got, err := Release(path); err == nil {
		t.Errorf("image without a version: got release %q, want an error", got)
	}
	write(bootimagetest.Image("../../.bashrc"))
	if got, err := Release(path); err == nil {
		t.Errorf("a version with slashes: got release %q, want an error", got)
	}
	for _, content := range []string{"", "\x7fELF", string(make([]byte, 4096))} {
		write([]byte(content))
		if _, err := Release(path); !errors.Is(err, ErrNotBzImage) {
			t.Errorf("%d bytes: got %v, want ErrNotBzImage", len(content), err)
		}
	}
	if _, err := Release(path + ".not"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
