package bootimage

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/kmodtest/kmodtest/images/internal/bootimage/bootimagetest"
)

// compressors returns functions that make payloads like the kernel's makefiles, by format.
func compressors() map[string]func(t *testing.T, kernel []byte) []byte {
	through := func(open func(w io.Writer) io.WriteCloser) func(*testing.T, []byte) []byte {
		return func(t *testing.T, kernel []byte) []byte {
			t.Helper()
			var b bytes.Buffer
			w := open(&b)
			if _, err := w.Write(kernel); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			return b.Bytes()
		}
	}
	sized := func(compress func(*testing.T, []byte) []byte) func(*testing.T, []byte) []byte {
		return func(t *testing.T, kernel []byte) []byte {
			t.Helper()
			return binary.LittleEndian.AppendUint32(compress(t, kernel), uint32(len(kernel)))
		}
	}
	return map[string]func(*testing.T, []byte) []byte{
		"gzip": through(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }),
		"zstd": sized(through(func(w io.Writer) io.WriteCloser {
			z, err := zstd.NewWriter(w)
			if err != nil {
				panic(err) // there are no invalid options
			}
			return z
		})),
		"lz4": sized(through(func(w io.Writer) io.WriteCloser {
			z := lz4.NewWriter(w)
			if err := z.Apply(lz4.LegacyOption(true)); err != nil {
				panic(err) // a new writer accepts all options
			}
			return z
		})),
		"xz": sized(func(t *testing.T, kernel []byte) []byte {
			t.Helper()
			cmd := exec.CommandContext(t.Context(), "xz", "--check=crc32", "--x86", "--lzma2=,dict=32MiB")
			cmd.Stdin = bytes.NewReader(kernel)
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			return out
		}),
	}
}

// writeImage writes an image to a file in a directory of its own.
func writeImage(t *testing.T, image []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bzImage")
	if err := os.WriteFile(path, image, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func unpackFrom(t *testing.T, image []byte) (string, bool, error) {
	t.Helper()
	from := writeImage(t, image)
	to := filepath.Join(filepath.Dir(from), "vmlinux")
	ok, err := Unpack(t.Context(), from, to)
	if _, statErr := os.Stat(to); (statErr == nil) != ok {
		t.Errorf("Unpack returned %t, but looking for the file: %v", ok, statErr)
	}
	return to, ok, err
}

func TestUnpackVmlinux(t *testing.T) {
	kernel := bootimagetest.Kernel(bootimagetest.PVHNote)
	for name, compress := range compressors() {
		to, ok, err := unpackFrom(t, bootimagetest.ImageWith(compress(t, kernel)))
		if err != nil || !ok {
			t.Errorf("%s: got %t, %v", name, ok, err)
			continue
		}
		if got, err := os.ReadFile(to); err != nil || !bytes.Equal(got, kernel) {
			t.Errorf("%s: got %d bytes of another content, %v", name, len(got), err)
		}
	}
}

func TestImageWithoutDirectKernel(t *testing.T) {
	for what, payload := range map[string][]byte{
		"an unknown format":    []byte("LZO is not known"),
		"no entry for PVH":     compressors()["gzip"](t, bootimagetest.Kernel(bootimagetest.PVHNote+1)),
		"not even an ELF file": compressors()["zstd"](t, []byte("a kernel")),
		"no payload":           nil,
	} {
		if _, ok, err := unpackFrom(t, bootimagetest.ImageWith(payload)); ok || err != nil {
			t.Errorf("%s: got %t, %v", what, ok, err)
		}
	}
	if _, ok, err := unpackFrom(t, bootimagetest.Image("6.1.9-test")); ok || err != nil {
		t.Errorf("an old header: got %t, %v", ok, err)
	}
}

func TestDamagedKernelIsNamed(t *testing.T) {
	for name, compress := range compressors() {
		payload := compress(t, bootimagetest.Kernel(bootimagetest.PVHNote))
		for what, damaged := range map[string][]byte{
			"broken": append(append(bytes.Clone(payload[:len(payload)/2]), 0x55, 0xaa, 0x55, 0xaa, 0x55), payload[len(payload)/2+5:]...),
			"cut":    append(bytes.Clone(payload[:len(payload)/2]), payload[len(payload)-4:]...),
		} {
			if _, ok, err := unpackFrom(t, bootimagetest.ImageWith(damaged)); ok || err == nil || !strings.Contains(err.Error(), "bzImage is damaged") {
				t.Errorf("%s, %s: got %t, %v", name, what, ok, err)
			}
		}
	}
	image := bootimagetest.ImageWith(compressors()["gzip"](t, bootimagetest.Kernel(bootimagetest.PVHNote)))
	if _, ok, err := unpackFrom(t, image[:len(image)/2]); ok || err == nil || !strings.Contains(err.Error(), "truncated") {
		t.Errorf("half an image: got %t, %v", ok, err)
	}
}

func TestInterruptedUnpackIsNotDamage(t *testing.T) {
	image := writeImage(t, bootimagetest.ImageWith(compressors()["xz"](t, bootimagetest.Kernel(bootimagetest.PVHNote))))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Unpack(ctx, image, filepath.Join(filepath.Dir(image), "vmlinux"))
	if err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) || strings.Contains(err.Error(), "damaged") {
		t.Errorf("got %v", err)
	}
}

// TestUnpackedKernelIsLimited: a small image may claim, or hold, a large kernel.
func TestUnpackedKernelIsLimited(t *testing.T) {
	large := compressors()["gzip"](t, bootimagetest.Kernel(bootimagetest.PVHNote))
	binary.LittleEndian.PutUint32(large[len(large)-4:], 1<<30+1)
	zeros := compressors()["xz"](t, make([]byte, 64<<20))
	binary.LittleEndian.PutUint32(zeros[len(zeros)-4:], 1000)
	for want, payload := range map[string][]byte{
		"it should unpack to 1073741825 bytes, more than 1073741824":  large,
		"it should unpack to 1000 bytes, but unpacks to 1001 or more": zeros,
	} {
		if _, ok, err := unpackFrom(t, bootimagetest.ImageWith(payload)); ok || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %t, %v, want %q", ok, err, want)
		}
	}
}

func TestUnpackFollowsNoLink(t *testing.T) {
	image := writeImage(t, bootimagetest.ImageWith(compressors()["gzip"](t, bootimagetest.Kernel(bootimagetest.PVHNote))))
	file := filepath.Join(t.TempDir(), "file")
	to := filepath.Join(filepath.Dir(image), "vmlinux")
	if err := os.Symlink(file, to); err != nil {
		t.Fatal(err)
	}
	if ok, err := Unpack(t.Context(), image, to); ok || !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %t, %v", ok, err)
	}
	if _, err := os.Lstat(file); !os.IsNotExist(err) {
		t.Errorf("the target of the link: %v", err)
	}
}
