package symbols

import (
	"debug/elf"
	"encoding/binary"
	"strings"
)

// distances writes the distances between places in the code into the debug
// information of a module for RISC-V. There they are relocations, a sum and a
// difference for each, because the linker may shorten the code in between. Package
// elf applies those of addresses only. Relocations that are not valid are skipped.
func distances(file *elf.File, content []byte) error {
	if file.Machine != elf.EM_RISCV {
		return nil
	}
	symbols, err := file.Symbols()
	if err != nil {
		return err
	}
	for _, s := range file.Sections {
		if s.Type != elf.SHT_RELA || uint64(s.Info) >= uint64(len(file.Sections)) {
			continue
		}
		target := file.Sections[s.Info]
		if !strings.HasPrefix(target.Name, ".debug_") || target.Flags&elf.SHF_COMPRESSED != 0 ||
			target.Offset > uint64(len(content)) || target.Size > uint64(len(content))-target.Offset {
			continue
		}
		table, err := s.Data()
		if err != nil {
			return err
		}
		data := content[target.Offset : target.Offset+target.Size]
		for ; len(table) >= relaSize; table = table[relaSize:] {
			at, info := file.ByteOrder.Uint64(table), file.ByteOrder.Uint64(table[8:])
			if symbol := info >> 32; at < uint64(len(data)) && symbol > 0 && symbol <= uint64(len(symbols)) {
				value := symbols[symbol-1].Value + file.ByteOrder.Uint64(table[16:])
				relocate(data[at:], elf.R_RISCV(uint32(info)), value)
			}
		}
	}
	return nil
}

// relaSize is the size of a relocation with an addend in a 64-bit object.
const relaSize = 24

// Relocations of LEB128 numbers, which package elf does not name.
const (
	setULEB128 elf.R_RISCV = 60
	subULEB128 elf.R_RISCV = 61
)

// relocate applies one relocation at the beginning of data.
func relocate(data []byte, kind elf.R_RISCV, value uint64) {
	le := binary.LittleEndian
	switch kind {
	case elf.R_RISCV_SUB8, elf.R_RISCV_SUB16, elf.R_RISCV_SUB32, elf.R_RISCV_SUB64:
		value = -value
	}
	switch kind {
	case elf.R_RISCV_ADD8, elf.R_RISCV_SUB8:
		data[0] += byte(value)
	case elf.R_RISCV_ADD16, elf.R_RISCV_SUB16:
		if len(data) >= 2 {
			le.PutUint16(data, le.Uint16(data)+uint16(value))
		}
	case elf.R_RISCV_ADD32, elf.R_RISCV_SUB32:
		if len(data) >= 4 {
			le.PutUint32(data, le.Uint32(data)+uint32(value))
		}
	case elf.R_RISCV_ADD64, elf.R_RISCV_SUB64:
		if len(data) >= 8 {
			le.PutUint64(data, le.Uint64(data)+value)
		}
	case setULEB128:
		putULEB128(data, value)
	case subULEB128:
		old, _ := binary.Uvarint(data)
		putULEB128(data, old-value)
	}
}

// putULEB128 replaces the number at the beginning of data. Its length stays.
func putULEB128(data []byte, value uint64) {
	for i := range data {
		more := data[i] & 0x80
		data[i] = byte(value)&0x7f | more
		value >>= 7
		if more == 0 {
			return
		}
	}
}
