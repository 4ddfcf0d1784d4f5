package modfail

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/klog/symbols"
)

// module is what a .ko file says about its calls of functions.
type module struct {
	functions []function // that it refers to, by their symbols
	sections  []string   // with code
	places    []place
}

// place is a call.
type place struct {
	section int    // its index in sections
	offset  uint64 // of the instruction after the call
	text    string // FILE:LINE
}

// readModule reads which of the functions a module calls, and where.
func readModule(ko string, known map[string]function) (*module, error) {
	f, err := elf.Open(ko)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	list, err := f.Symbols()
	if err != nil {
		return nil, err
	}
	m := &module{}
	called := map[uint32]bool{} // numbers of symbols
	for i, s := range list {
		if function, ok := known[s.Name]; ok && s.Section == elf.SHN_UNDEF {
			m.functions = append(m.functions, function)
			called[uint32(i)+1] = true // the list lacks the first symbol
		}
	}
	slices.SortFunc(m.functions, func(a, b function) int { return strings.Compare(a.symbol, b.symbol) })
	for _, s := range f.Sections {
		if s.Type != elf.SHT_RELA || int(s.Info) >= len(f.Sections) || f.Sections[s.Info].Flags&elf.SHF_EXECINSTR == 0 {
			continue
		}
		if err := m.addPlaces(s, f.Sections[s.Info].Name, called); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return m, m.findLines(ko)
}

// addPlaces adds the calls in a section with code, of which these are the relocations.
func (m *module) addPlaces(relocations *elf.Section, section string, called map[uint32]bool) error {
	const size, width = 24, 4 // of a relocation, and of what it changes
	data, err := relocations.Data()
	if err != nil {
		return err
	}
	m.sections = append(m.sections, section)
	for ; len(data) >= size; data = data[size:] {
		info := binary.LittleEndian.Uint64(data[8:])
		switch kind := elf.R_X86_64(uint32(info)); {
		case !called[uint32(info>>32)], kind != elf.R_X86_64_PLT32 && kind != elf.R_X86_64_PC32:
		default:
			m.places = append(m.places, place{section: len(m.sections) - 1, offset: binary.LittleEndian.Uint64(data) + width})
		}
	}
	return nil
}

// findLines finds the lines of the places. Those without debug information are dropped.
func (m *module) findLines(ko string) error {
	var addresses []symbols.Address
	for _, p := range m.places {
		addresses = append(addresses, symbols.Address{Section: m.sections[p.section], Offset: p.offset})
	}
	lines, err := symbols.Calls(ko, addresses)
	if err != nil {
		return err
	}
	for i, line := range lines {
		if line.Name != "" {
			m.places[i].text = filepath.Base(line.Name) + ":" + strconv.Itoa(line.Number)
		}
	}
	m.places = slices.DeleteFunc(m.places, func(p place) bool { return p.text == "" })
	return nil
}
