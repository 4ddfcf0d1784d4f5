package images

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kmodtest/kmodtest/images/internal/bootimage/bootimagetest"
	"github.com/kmodtest/kmodtest/images/internal/files/filestest"
)

func TestKernelInsideImageAtPathIsBooted(t *testing.T) {
	files := installed("6.1.9-test")
	kernel := bootimagetest.Kernel(bootimagetest.PVHNote)
	files["boot/vmlinuz-6.1.9-test"] = string(bootimagetest.ImageWith(bootimagetest.Gzip(kernel)))
	root := filestest.Tree(t, files)
	opt := Options{Cache: filepath.Join(t.TempDir(), "cache")}
	first, err := Resolve(t.Context(), root, opt)
	if err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(root, "boot/vmlinuz-6.1.9-test")
	if first.Image != image || first.Boot == image {
		t.Fatalf("image %s, boot file %s: want the image at the path and another boot file", first.Image, first.Boot)
	}
	filestest.Want(t, first.Boot, string(kernel))
	if again, err := Resolve(t.Context(), root, opt); err != nil || again.Boot != first.Boot {
		t.Errorf("the second time %+v, %v", again, err)
	}
	kernel = append(kernel, "changed"...)
	if err := os.WriteFile(image, bootimagetest.ImageWith(bootimagetest.Gzip(kernel)), 0o644); err != nil {
		t.Fatal(err)
	}
	changed, err := Resolve(t.Context(), root, opt)
	if err != nil {
		t.Fatal(err)
	}
	filestest.Want(t, changed.Boot, string(kernel))
}
