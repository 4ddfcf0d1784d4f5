package images

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// pvhKernel returns a minimal kernel for QEMU to start directly: an ELF file with the PVH note after
// another note, and more data at its end, like relocations.
func pvhKernel(noteType uint32) []byte {
	var b bytes.Buffer
	put := func(v ...any) {
		for _, v := range v {
			if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
				panic(err) // all values have a fixed size
			}
		}
	}
	const headers = 64 + 56
	notes := []byte("\x04\x00\x00\x00\x05\x00\x00\x00\x12\x00\x00\x00GNU\x0012345\x00\x00\x00" +
		"\x04\x00\x00\x00\x08\x00\x00\x00")
	notes = append(binary.LittleEndian.AppendUint32(notes, noteType), "Xen\x00\x00\x00\x00\x01\x00\x00\x00\x00"...)
	put([]byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"), uint16(2), uint16(62), uint32(1), uint64(0), uint64(64), uint64(0),
		uint32(0), uint16(64), uint16(56), uint16(1), uint16(64), uint16(0), uint16(0))
	size := uint64(len(notes))
	put(uint32(4), uint32(4), uint64(headers), uint64(0), uint64(0), size, size, uint64(4), notes)
	put([]byte(strings.Repeat("a kernel. ", 9000)))
	return b.Bytes()
}

// pvhNote is the type of XEN_ELFNOTE_PHYS32_ENTRY.
const pvhNote = 18

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

// bzImageWith returns a boot image with a payload.
func bzImageWith(payload []byte) []byte {
	const sectors, offset = 1, 0x20
	image := bzImage("6.1.9-test")
	binary.LittleEndian.PutUint16(image[0x206:], 0x20f)
	image[0x1f1] = sectors
	binary.LittleEndian.PutUint32(image[0x248:], offset)
	binary.LittleEndian.PutUint32(image[0x24c:], uint32(len(payload)))
	image = append(image, make([]byte, offset)...)
	return append(append(image, payload...), "a signature"...)
}

func unpackFrom(t *testing.T, image []byte) (string, bool, error) {
	t.Helper()
	dir := makeTree(t, map[string]string{"bzImage": string(image)})
	to := filepath.Join(dir, "vmlinux")
	ok, err := unpackVmlinux(t.Context(), filepath.Join(dir, "bzImage"), to)
	if isFile(to) != ok {
		t.Errorf("unpackVmlinux returned %t, but the file exists: %t", ok, !ok)
	}
	return to, ok, err
}

func TestUnpackVmlinux(t *testing.T) {
	kernel := pvhKernel(pvhNote)
	for name, compress := range compressors() {
		to, ok, err := unpackFrom(t, bzImageWith(compress(t, kernel)))
		if err != nil || !ok {
			t.Errorf("%s: got %t, %v", name, ok, err)
			continue
		}
		assertContent(t, to, string(kernel))
	}
}

func TestImageWithoutDirectKernel(t *testing.T) {
	for what, payload := range map[string][]byte{
		"an unknown format":    []byte("LZO is not known"),
		"no entry for PVH":     compressors()["gzip"](t, pvhKernel(pvhNote+1)),
		"not even an ELF file": compressors()["zstd"](t, []byte("a kernel")),
		"no payload":           nil,
	} {
		if _, ok, err := unpackFrom(t, bzImageWith(payload)); ok || err != nil {
			t.Errorf("%s: got %t, %v", what, ok, err)
		}
	}
	if _, ok, err := unpackFrom(t, bzImage("6.1.9-test")); ok || err != nil {
		t.Errorf("an old header: got %t, %v", ok, err)
	}
}

func TestDamagedKernelIsNamed(t *testing.T) {
	for name, compress := range compressors() {
		payload := compress(t, pvhKernel(pvhNote))
		for what, damaged := range map[string][]byte{
			"broken": append(append(bytes.Clone(payload[:len(payload)/2]), 0x55, 0xaa, 0x55, 0xaa, 0x55), payload[len(payload)/2+5:]...),
			"cut":    append(bytes.Clone(payload[:len(payload)/2]), payload[len(payload)-4:]...),
		} {
			if _, ok, err := unpackFrom(t, bzImageWith(damaged)); ok || err == nil || !strings.Contains(err.Error(), "bzImage is damaged") {
				t.Errorf("%s, %s: got %t, %v", name, what, ok, err)
			}
		}
	}
	image := bzImageWith(compressors()["gzip"](t, pvhKernel(pvhNote)))
	if _, ok, err := unpackFrom(t, image[:len(image)/2]); ok || err == nil || !strings.Contains(err.Error(), "truncated") {
		t.Errorf("half an image: got %t, %v", ok, err)
	}
}

func TestInterruptedUnpackIsNotDamage(t *testing.T) {
	dir := makeTree(t, map[string]string{"bzImage": string(bzImageWith(compressors()["xz"](t, pvhKernel(pvhNote))))})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := unpackVmlinux(ctx, filepath.Join(dir, "bzImage"), filepath.Join(dir, "vmlinux"))
	if err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) || strings.Contains(err.Error(), "damaged") {
		t.Errorf("got %v", err)
	}
}

func TestKernelInsideImageAtPathIsBooted(t *testing.T) {
	files := installed("6.1.9-test")
	kernel := pvhKernel(pvhNote)
	files["boot/vmlinuz-6.1.9-test"] = string(bzImageWith(compressors()["lz4"](t, kernel)))
	root := makeTree(t, files)
	opt := Options{Cache: filepath.Join(t.TempDir(), "cache")}
	first, err := Resolve(t.Context(), root, opt)
	if err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(root, "boot/vmlinuz-6.1.9-test")
	if first.Image != image || first.Boot == image {
		t.Fatalf("image %s, boot file %s: want the image at the path and another boot file", first.Image, first.Boot)
	}
	assertContent(t, first.Boot, string(kernel))
	if again, err := Resolve(t.Context(), root, opt); err != nil || again.Boot != first.Boot {
		t.Errorf("the second time %+v, %v", again, err)
	}
	kernel = append(kernel, "changed"...)
	if err := os.WriteFile(image, bzImageWith(compressors()["zstd"](t, kernel)), 0o644); err != nil {
		t.Fatal(err)
	}
	changed, err := Resolve(t.Context(), root, opt)
	if err != nil {
		t.Fatal(err)
	}
	assertContent(t, changed.Boot, string(kernel))
}
