package debugger

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// kallsyms is the guest's file with the addresses of the kernel's functions and data.
const kallsyms = "/proc/kallsyms"

// symbol is a function or datum of the kernel itself.
type symbol struct {
	address uint64
	kind    byte // as nm prints it
	name    string
}

// symbols are those of a running kernel, by their addresses.
type symbols struct {
	all    []symbol
	byName map[string]uint64 // static functions may share a name: the first one
}

// symbolName matches the names that are taken from a guest.
var symbolName = regexp.MustCompile(`^[A-Za-z0-9_.$]+$`)

// leastAddress is below all addresses of the kernel, and above the offsets of data that each
// processor has.
const leastAddress = 1 << 63

// parseKallsyms reads the symbols of the kernel itself, without those of modules.
func parseKallsyms(text []byte) (symbols, error) {
	s := symbols{byName: map[string]uint64{}}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) != 3 || len(fields[1]) != 1 || !symbolName.MatchString(fields[2]) {
			continue
		}
		address, err := strconv.ParseUint(fields[0], 16, 64)
		if err != nil || address < leastAddress {
			continue
		}
		s.all = append(s.all, symbol{address, fields[1][0], fields[2]})
		if _, known := s.byName[fields[2]]; !known {
			s.byName[fields[2]] = address
		}
	}
	if s.byName["_stext"] == 0 || s.byName["_etext"] < s.byName["_stext"] {
		return s, errors.New("the kernel does not show its symbols in " + kallsyms + ": it needs CONFIG_KALLSYMS")
	}
	slices.SortStableFunc(s.all, func(a, b symbol) int { return cmp.Compare(a.address, b.address) })
	return s, nil
}

// Sections of the file that object returns.
const (
	textSection = iota + 1
	symtabSection
	strtabSection
	shstrtabSection
	sectionCount
)

// object returns an ELF file with the symbols, and no content.
func (s symbols) object() []byte {
	start, end := s.byName["_stext"], s.byName["_etext"]
	var table, names bytes.Buffer
	names.WriteByte(0)
	put(&table, elf.Sym64{})
	for i, sym := range s.all {
		entry := elf.Sym64{Name: uint32(names.Len()), Value: sym.address, Shndx: uint16(elf.SHN_ABS), Info: elf.ST_INFO(elf.STB_GLOBAL, elf.STT_OBJECT)}
		if sym.address >= start && sym.address < end {
			entry.Shndx, entry.Info = textSection, elf.ST_INFO(elf.STB_GLOBAL, elf.STT_FUNC)
			entry.Size = s.next(i, end) - sym.address
		}
		put(&table, entry)
		names.WriteString(sym.name + "\x00")
	}
	const sectionNames = "\x00.text\x00.symtab\x00.strtab\x00.shstrtab\x00"
	name := func(of string) uint32 { return uint32(strings.Index(sectionNames, "\x00"+of+"\x00") + 1) }
	head := elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT), Entry: start,
		Ehsize: headSize, Shoff: headSize, Shentsize: sectionSize, Shnum: sectionCount, Shstrndx: shstrtabSection,
	}
	at := uint64(headSize + sectionCount*sectionSize)
	sections := [sectionCount]elf.Section64{
		textSection: {
			Name: name(".text"), Type: uint32(elf.SHT_NOBITS), Flags: uint64(elf.SHF_ALLOC | elf.SHF_EXECINSTR),
			Addr: start, Off: at, Size: end - start, Addralign: 1,
		},
		symtabSection: {
			Name: name(".symtab"), Type: uint32(elf.SHT_SYMTAB), Off: at, Size: uint64(table.Len()),
			Link: strtabSection, Info: 1, Addralign: 8, Entsize: elf.Sym64Size,
		},
		strtabSection: {Name: name(".strtab"), Type: uint32(elf.SHT_STRTAB), Off: at + uint64(table.Len()), Size: uint64(names.Len()), Addralign: 1},
		shstrtabSection: {
			Name: name(".shstrtab"), Type: uint32(elf.SHT_STRTAB), Off: at + uint64(table.Len()+names.Len()),
			Size: uint64(len(sectionNames)), Addralign: 1,
		},
	}
	var out bytes.Buffer
	put(&out, head)
	put(&out, sections)
	out.Write(table.Bytes())
	out.Write(names.Bytes())
	out.WriteString(sectionNames)
	return out.Bytes()
}

// Sizes of an ELF file's header, and of a section's, in bytes.
const (
	headSize    = 64
	sectionSize = 64
)

// next returns the address of the first symbol behind another, at most end.
func (s symbols) next(i int, end uint64) uint64 {
	for _, sym := range s.all[i+1:] {
		if sym.address > s.all[i].address {
			return min(sym.address, end)
		}
	}
	return end
}

// put writes a structure of fixed size, which cannot fail.
func put(w *bytes.Buffer, data any) { _ = binary.Write(w, binary.LittleEndian, data) }

// debugInfo returns the kernel's file if it has debug information, and by how much the
// running kernel was moved from where that file places it. Otherwise path is "".
func debugInfo(file string, running symbols) (path string, offset uint64, err error) {
	f, err := elf.Open(file)
	if err != nil {
		return "", 0, nil // a kernel in another format has none
	}
	defer f.Close()
	if f.Section(".debug_info") == nil {
		return "", 0, nil
	}
	list, err := f.Symbols()
	if err != nil {
		return "", 0, fmt.Errorf("%s: %w", file, err)
	}
	for _, sym := range list {
		if sym.Name == "_stext" {
			return file, running.byName["_stext"] - sym.Value, nil
		}
	}
	return "", 0, fmt.Errorf("%s has no symbol _stext", file)
}
