// Package bootimage reads x86 kernel images: their release, and the kernel inside, which a machine can boot faster.
package bootimage

import (
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/kmodtest/kmodtest/images/internal/command"
)

// Under emulation, a kernel spends a fifth of its boot time on unpacking itself. So the kernel is
// unpacked here, once, if its ELF notes have a PVH entry point, at which QEMU can start it directly.

// Unpack writes the kernel inside a bzImage to a file, which must not exist, and reports whether a machine can boot
// it. If not, the file does not exist: the image may have no payload, a payload in an unknown format,
// or no PVH entry point. A damaged payload is an error, because the image itself does not boot either.
func Unpack(ctx context.Context, image, to string) (bool, error) {
	file, err := os.Open(image)
	if err != nil {
		return false, fmt.Errorf("read kernel image: %w", err)
	}
	defer func() { _ = file.Close() }()
	section, err := findPayload(file)
	if err != nil || section == nil {
		return false, err
	}
	format := findFormat(section)
	if format == nil {
		return false, nil
	}
	if err := format.unpack(ctx, section, to); errors.Is(err, fs.ErrExist) {
		return false, fmt.Errorf("unpack kernel: %w", err)
	} else if err != nil {
		return false, errors.Join(unpackProblem(ctx, image, err), os.RemoveAll(to))
	}
	if !HasPVHEntry(to) {
		return false, os.RemoveAll(to)
	}
	return true, nil
}

// unpackProblem returns the error for a failure to unpack: a damaged kernel, or files that cannot be
// read or written. It is nil if a program is missing: then the machine boots the image itself.
func unpackProblem(ctx context.Context, image string, err error) error {
	var missing *command.MissingError
	var file *fs.PathError
	switch {
	case errors.As(err, &missing):
		return nil
	case ctx.Err() != nil, errors.As(err, &file):
		return fmt.Errorf("unpack kernel: %w", err)
	default:
		return fmt.Errorf("the kernel inside %s is damaged: %w; fetch or build it again", image, err)
	}
}

// findPayload returns the compressed kernel in a bzImage, or nil if its header names none. See
// Documentation/arch/x86/boot.rst.
func findPayload(file *os.File) (*io.SectionReader, error) {
	const (
		setupSectorsAt  = 0x1f1
		magicAt         = 0x202
		protocolAt      = 0x206
		payloadOffsetAt = 0x248
		payloadLengthAt = 0x24c
		sector          = 512
	)
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("read kernel image: %w", err)
	}
	head := make([]byte, payloadLengthAt+4)
	switch _, err := file.ReadAt(head, 0); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read kernel image: %w", err)
	}
	number := func(at int) int64 { return int64(binary.LittleEndian.Uint32(head[at:])) }
	if string(head[magicAt:magicAt+4]) != "HdrS" || binary.LittleEndian.Uint16(head[protocolAt:]) < 0x208 {
		return nil, nil
	}
	setup := int64(head[setupSectorsAt])
	if setup == 0 {
		setup = 4 // for compatibility, 0 means 4
	}
	at, length := (setup+1)*sector+number(payloadOffsetAt), number(payloadLengthAt)
	if length < 8 {
		return nil, nil
	}
	if at+length > info.Size() {
		return nil, fmt.Errorf("the kernel image %s is truncated: it has %d bytes, but its header requires %d", file.Name(), info.Size(), at+length)
	}
	return io.NewSectionReader(file, at, length), nil
}

// HasPVHEntry reports whether a file is a kernel with a PVH entry point (XEN_ELFNOTE_PHYS32_ENTRY),
// which QEMU can start directly.
func HasPVHEntry(path string) bool {
	file, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	for _, segment := range file.Progs {
		if segment.Type != elf.PT_NOTE {
			continue
		}
		notes, err := io.ReadAll(segment.Open())
		if err == nil && hasNote(notes, file.ByteOrder, "Xen\x00", 18) {
			return true
		}
	}
	return false
}

// hasNote reports whether ELF notes include one with this name and type. A note has the sizes of its
// name and content, its type, the name and the content, the last two padded to four bytes.
func hasNote(notes []byte, order binary.ByteOrder, name string, kind uint32) bool {
	const head = 12
	round := func(n uint32) uint64 { return (uint64(n) + 3) &^ 3 }
	for len(notes) >= head {
		nameSize, size := order.Uint32(notes), order.Uint32(notes[4:])
		next := head + round(nameSize) + round(size)
		if next > uint64(len(notes)) {
			return false
		}
		if order.Uint32(notes[8:]) == kind && string(notes[head:head+nameSize]) == name {
			return true
		}
		notes = notes[next:]
	}
	return false
}
