package vmcore

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
)

// vmcoreinfo is the guest's file with the place of an ELF note in which the kernel describes
// its memory. Kernels with CONFIG_KEXEC_CORE or CONFIG_PROC_KCORE have it.
const vmcoreinfo = "/sys/kernel/vmcoreinfo"

// note is the place of an ELF note in a guest's memory.
type note struct {
	address uint64 // physical
	size    uint64 // at most, in bytes, or 0
}

// maxNote is the longest note that is read in bytes. The kernel's takes a page.
const maxNote = 64 << 10

// parseNote reads the guest's file.
func parseNote(text []byte) note {
	var n note
	if _, err := fmt.Sscanf(string(text), "0x%x %x", &n.address, &n.size); err != nil || n.size > maxNote {
		return note{}
	}
	return n
}

// read returns the note from the memory in an image, without what follows it.
func (n note) read(image *elf.File) ([]byte, error) {
	for _, segment := range image.Progs {
		if segment.Type != elf.PT_LOAD || n.address < segment.Paddr || n.address-segment.Paddr+n.size > segment.Filesz {
			continue
		}
		text := make([]byte, n.size)
		if _, err := segment.ReadAt(text, int64(n.address-segment.Paddr)); err != nil {
			return nil, err
		}
		round := func(n uint32) uint64 { return (uint64(n) + 3) &^ 3 }
		size := uint64(noteHead)
		if n.size >= noteHead {
			size += round(binary.LittleEndian.Uint32(text)) + round(binary.LittleEndian.Uint32(text[4:]))
		}
		if size > n.size || !bytes.HasPrefix(text[noteHead:], []byte("VMCOREINFO\x00")) {
			return nil, errors.New("the kernel's description of its memory is damaged")
		}
		return text[:size], nil
	}
	return nil, errors.New("the kernel's description of its memory is not in the image")
}
