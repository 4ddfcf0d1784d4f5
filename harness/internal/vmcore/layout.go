package vmcore

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// QEMU's image has the memory at its physical addresses, and notes with the registers of the
// processors. crash and drgn also want
//
//   - the kernel's own description, VMCOREINFO, among the notes, and all notes in front of the
//     memory;
//   - the virtual addresses of the kernel's code, where its first page table is;
//   - the process that each processor ran, without which drgn does not believe its registers.

// Sizes of the headers of an ELF file and of a segment, and the alignment of the memory in it.
const (
	headSize    = 64
	segmentSize = 56
	pageSize    = 4096
)

// rewrite writes an image that is complete, from one of QEMU.
func rewrite(to, from *os.File, where note, c culprit) error {
	image, err := elf.NewFile(from)
	if err != nil {
		return err
	}
	var notes []byte
	var loads []elf.ProgHeader
	for _, segment := range image.Progs {
		switch segment.Type {
		case elf.PT_NOTE:
			if notes, err = io.ReadAll(segment.Open()); err != nil {
				return err
			}
		case elf.PT_LOAD:
			loads = append(loads, segment.ProgHeader)
		}
	}
	if len(loads) == 0 {
		return errors.New("QEMU's image has no memory")
	}
	c.mark(notes)
	start, end := extent(loads)
	if where.size > 0 {
		text, err := where.read(image)
		if err != nil {
			return err
		}
		notes = append(notes, text...)
		if code, ok := codeSegment(text, loads); ok {
			loads = append([]elf.ProgHeader{code}, loads...)
		}
	}
	notesAt := uint64(headSize + segmentSize*(1+len(loads)))
	memoryAt := (notesAt + uint64(len(notes)) + pageSize - 1) &^ (pageSize - 1)
	if _, err := to.Write(header(notesAt, notes, memoryAt-start, loads)); err != nil {
		return err
	}
	return copySparse(to, int64(memoryAt), io.NewSectionReader(from, int64(start), int64(end-start)))
}

// extent returns where the segments are in their file.
func extent(loads []elf.ProgHeader) (start, end uint64) {
	start = loads[0].Off
	for _, load := range loads {
		start, end = min(start, load.Off), max(end, load.Off+load.Filesz)
	}
	return start, end
}

// header returns the beginning of the file, up to the memory, which was moved in the file.
func header(notesAt uint64, notes []byte, moved uint64, loads []elf.ProgHeader) []byte {
	var b bytes.Buffer
	put := func(data any) { _ = binary.Write(&b, binary.LittleEndian, data) } // structures of fixed size: it cannot fail
	put(elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_CORE), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Phoff: headSize, Ehsize: headSize, Phentsize: segmentSize, Phnum: uint16(1 + len(loads)),
	})
	put(elf.Prog64{Type: uint32(elf.PT_NOTE), Off: notesAt, Filesz: uint64(len(notes)), Memsz: uint64(len(notes))})
	for _, load := range loads {
		put(elf.Prog64{
			Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_W | elf.PF_X), Off: load.Off + moved,
			Vaddr: load.Vaddr, Paddr: load.Paddr, Filesz: load.Filesz, Memsz: load.Memsz,
		})
	}
	b.Write(notes)
	return b.Bytes()
}

// Addresses of the kernel's code on x86-64; see Documentation/arch/x86/x86_64/mm.rst of the
// kernel.
const (
	codeStart = 0xffffffff80000000 // of the mapping of the code
	maxCode   = 128 << 20          // more than a kernel has
)

// codeSegment returns a segment with the virtual addresses of the kernel's code, which
// VMCOREINFO describes.
func codeSegment(vmcoreinfo []byte, loads []elf.ProgHeader) (elf.ProgHeader, bool) {
	var base int64
	var start uint64
	for line := range bytes.Lines(vmcoreinfo) {
		// A line of another form changes nothing.
		_, _ = fmt.Sscanf(string(line), "NUMBER(phys_base)=%d", &base)
		_, _ = fmt.Sscanf(string(line), "SYMBOL(_stext)=%x", &start)
	}
	if start < codeStart {
		return elf.ProgHeader{}, false
	}
	physical := uint64(int64(start-codeStart) + base)
	for _, load := range loads {
		if physical < load.Paddr || physical-load.Paddr >= load.Filesz {
			continue
		}
		skipped := physical - load.Paddr
		load.Off, load.Paddr, load.Vaddr = load.Off+skipped, physical, start
		load.Filesz = min(load.Filesz-skipped, maxCode, -start)
		load.Memsz = load.Filesz
		return load, true
	}
	return elf.ProgHeader{}, false
}

// copySparse copies to a place in a file, and leaves holes for what is zero: an image then
// takes only as much room as the guest has used.
func copySparse(to *os.File, at int64, from *io.SectionReader) error {
	piece, zero := make([]byte, 64<<10), make([]byte, 64<<10)
	for done := int64(0); done < from.Size(); {
		n, err := from.ReadAt(piece[:min(int64(len(piece)), from.Size()-done)], done)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if n == 0 {
			return io.ErrUnexpectedEOF
		}
		if !bytes.Equal(piece[:n], zero[:n]) {
			if _, err := to.WriteAt(piece[:n], at+done); err != nil {
				return err
			}
		}
		done += int64(n)
	}
	return to.Truncate(at + from.Size())
}
