// Package bootimagetest makes kernel images for tests.
package bootimagetest

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"strings"
)

// Image returns a minimal boot image.
func Image(release string) []byte {
	image := make([]byte, 0x400)
	copy(image[0x202:], "HdrS")
	binary.LittleEndian.PutUint16(image[0x20e:], 0x100)
	copy(image[0x300:], release+" (builder@example) #1 SMP\x00")
	return image
}

// Kernel returns a minimal kernel for QEMU to start directly: an ELF file with the PVH note after
// another note, and more data at its end, like relocations.
func Kernel(noteType uint32) []byte {
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

// PVHNote is the type of XEN_ELFNOTE_PHYS32_ENTRY.
const PVHNote = 18

// ImageWith returns a boot image with a payload.
func ImageWith(payload []byte) []byte {
	const sectors, offset = 1, 0x20
	image := Image("6.1.9-test")
	binary.LittleEndian.PutUint16(image[0x206:], 0x20f)
	image[0x1f1] = sectors
	binary.LittleEndian.PutUint32(image[0x248:], offset)
	binary.LittleEndian.PutUint32(image[0x24c:], uint32(len(payload)))
	image = append(image, make([]byte, offset)...)
	return append(append(image, payload...), "a signature"...)
}

// Gzip returns a kernel as the payload of an image.
func Gzip(kernel []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(kernel); err != nil {
		panic(err) // memory returns no error
	}
	if err := w.Close(); err != nil {
		panic(err) // as above
	}
	return b.Bytes()
}
