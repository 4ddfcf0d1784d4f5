package modcov

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/kbuild"
)

// Module is a module that counts.
type Module struct {
	Name    string
	notes   kbuild.Notes
	bytes   uint64 // from the first of its counters to the end of the last
	objects []*object
}

// object is a part of a module that was compiled at once: gcc's struct gcov_info.
type object struct {
	data                     string // where gcc's own runtime would write the counters
	version, stamp, checksum uint32
	functions                []function
}

// function is gcc's struct gcov_fn_info.
type function struct {
	ident, lines, graph uint32 // the last two are checksums
	first, counters     uint32 // index of the first counter, and their number
}

const (
	counterPrefix  = "__gcov0." // of symbols of counters
	functionPrefix = "__gcov_." // of symbols of functions
	counterSize    = 8
	maxBytes       = 4 << 20 // of counters: more than the runtime has room for
)

// ReadModule reads which counters a module has, from its .ko file. It returns nil for a
// module without counters.
func ReadModule(name, ko string, notes kbuild.Notes) (*Module, error) {
	f, err := elf.Open(ko)
	if err != nil {
		return nil, fmt.Errorf("read module %s: %w", ko, err)
	}
	defer f.Close()
	r := &reader{File: f, sections: map[int]*section{}}
	m := &Module{Name: name, notes: notes}
	if err := m.read(r); err != nil {
		return nil, fmt.Errorf("read the counters of module %s: %w", ko, err)
	}
	if len(m.objects) == 0 {
		return nil, nil
	}
	return m, nil
}

// read reads the functions, and the objects that they belong to.
func (m *Module) read(r *reader) error {
	symbols, err := r.Symbols()
	if err != nil {
		return err
	}
	var start place
	var end uint64
	for _, s := range symbols {
		if !strings.HasPrefix(s.Name, counterPrefix) {
			continue
		}
		if start.section != 0 && int(s.Section) != start.section {
			return errors.New("they are in several sections")
		}
		if start.section == 0 || s.Value < start.offset {
			start.section, start.offset = int(s.Section), s.Value
		}
		end = max(end, s.Value+s.Size)
	}
	m.bytes = end - start.offset
	if end > 0 && (m.bytes > maxBytes || m.bytes%counterSize != 0) {
		return fmt.Errorf("they take %d bytes", m.bytes)
	}
	byInfo := map[place]*object{}
	for _, s := range symbols {
		if !strings.HasPrefix(s.Name, functionPrefix) {
			continue
		}
		if err := m.addFunction(r, s, start, byInfo); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return nil
}

// place is a place in a section; place.section is 0 for none.
type place struct {
	section int
	offset  uint64
}

// Offsets in gcc's structures, on machines with pointers of 64 bits. They have been the
// same since gcc 4.7, except that gcov_info has a checksum since gcc 12.
const (
	infoVersion  = 0
	infoStamp    = 16
	infoChecksum = 20
	infoName     = 24
	fnKey        = 0
	fnIdent      = 8
	fnLines      = 12
	fnGraph      = 16
	fnNumber     = 24
	fnCounters   = 32
)

func (m *Module) addFunction(r *reader, s elf.Symbol, counters place, byInfo map[place]*object) error {
	at := place{int(s.Section), s.Value}
	values, err := r.pointer(at, fnCounters)
	if err != nil || values.section == 0 {
		return err // without counters
	}
	info, err := r.pointer(at, fnKey)
	if err != nil {
		return err
	}
	o := byInfo[info]
	if o == nil {
		if o, err = readObject(r, info); err != nil {
			return err
		}
		byInfo[info] = o
		m.objects = append(m.objects, o)
	}
	var f function
	var n uint32
	for _, field := range []struct {
		to     *uint32
		offset uint64
	}{{&f.ident, fnIdent}, {&f.lines, fnLines}, {&f.graph, fnGraph}, {&n, fnNumber}} {
		if *field.to, err = r.number(at, field.offset); err != nil {
			return err
		}
	}
	first := values.offset - counters.offset
	if values.section != counters.section || values.offset < counters.offset || first%counterSize != 0 ||
		uint64(n) > m.bytes/counterSize || first+uint64(n)*counterSize > m.bytes {
		return errors.New("its counters are not among those of the module")
	}
	f.first, f.counters = uint32(first/counterSize), n
	o.functions = append(o.functions, f)
	return nil
}

func readObject(r *reader, info place) (*object, error) {
	o := &object{}
	var err error
	if o.version, err = r.number(info, infoVersion); err != nil {
		return nil, err
	}
	if o.stamp, err = r.number(info, infoStamp); err != nil {
		return nil, err
	}
	if o.checksum, err = r.number(info, infoChecksum); err != nil {
		return nil, err
	}
	name, err := r.pointer(info, infoName)
	if err != nil {
		return nil, err
	}
	if o.data, err = r.text(name); err != nil {
		return nil, err
	}
	if filepath.Ext(o.data) != ".gcda" {
		return nil, fmt.Errorf("gcc's information names the file %q", o.data)
	}
	return o, nil
}

// reader reads data of a relocatable file.
type reader struct {
	*elf.File
	sections map[int]*section
}

// section is a section with the pointers in it.
type section struct {
	data     []byte
	pointers map[uint64]place // by their offsets
}

var errOutside = errors.New("it refers to a place outside of the file")

func (r *reader) section(number int) (*section, error) {
	if s := r.sections[number]; s != nil {
		return s, nil
	}
	if number <= 0 || number >= len(r.Sections) || r.Sections[number].Type == elf.SHT_NOBITS {
		return nil, errOutside
	}
	s := &section{pointers: map[uint64]place{}}
	var err error
	if s.data, err = r.Sections[number].Data(); err != nil {
		return nil, err
	}
	symbols, err := r.Symbols()
	if err != nil {
		return nil, err
	}
	for _, relocations := range r.Sections {
		if relocations.Type != elf.SHT_RELA || int(relocations.Info) != number {
			continue
		}
		data, err := relocations.Data()
		if err != nil {
			return nil, err
		}
		for ; len(data) >= 24; data = data[24:] {
			info := binary.LittleEndian.Uint64(data[8:])
			if n := info >> 32; n >= 1 && n <= uint64(len(symbols)) {
				to := symbols[n-1] // the list lacks the first symbol
				s.pointers[binary.LittleEndian.Uint64(data)] = place{int(to.Section), to.Value + binary.LittleEndian.Uint64(data[16:])}
			}
		}
	}
	r.sections[number] = s
	return s, nil
}

// pointer returns the place that a pointer leads to: none if there is no pointer.
func (r *reader) pointer(at place, offset uint64) (place, error) {
	s, err := r.section(at.section)
	if err != nil {
		return place{}, err
	}
	return s.pointers[at.offset+offset], nil
}

func (r *reader) number(at place, offset uint64) (uint32, error) {
	s, err := r.section(at.section)
	if err != nil {
		return 0, err
	}
	if start := at.offset + offset; start < uint64(len(s.data)) && uint64(len(s.data))-start >= 4 {
		return binary.LittleEndian.Uint32(s.data[start:]), nil
	}
	return 0, errOutside
}

func (r *reader) text(at place) (string, error) {
	s, err := r.section(at.section)
	if err != nil {
		return "", err
	}
	if at.offset >= uint64(len(s.data)) {
		return "", errOutside
	}
	text, _, ok := bytes.Cut(s.data[at.offset:], []byte{0})
	if !ok {
		return "", errOutside
	}
	return string(text), nil
}
