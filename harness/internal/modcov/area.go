package modcov

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Memory is the memory of a guest.
type Memory struct {
	File io.ReaderAt
	Size int64
	// Offset returns the offset in File of a physical address.
	Offset func(address uint64) int64
}

func (m Memory) read(p []byte, address uint64) error {
	_, err := m.File.ReadAt(p, m.Offset(address))
	return err
}

// The layout of struct area in runtime/kmodtest_coverage.c.
const (
	areaMagic   = "kmodtest-cover1\x00"
	areaAlign   = 4096 << 6 // the area is aligned to its size, which is at least that
	areaMaximum = 4096 << 10
	areaHead    = 64 // up to the modules
	moduleSize  = 88
	maxModules  = 16
	pageSize    = 4096
)

// area is what the runtime keeps in the memory of a guest.
type area struct {
	memory     Memory
	data       []byte
	modules    []areaModule
	log        []byte
	logLost    bool // records are missing at the end of the log
	unfollowed int  // modules that the runtime had no room for
}

// areaModule is a module as the runtime knows it.
type areaModule struct {
	name   string
	live   bool   // it was loaded when the machine ended
	first  uint64 // offset of its counters in their first page
	bytes  uint64
	totals []byte // its counts up to its last unloading
	pages  []byte // the addresses of the pages with its counters
}

// errNoArea is the error of memory without an area: the machine died before the runtime
// was loaded.
var errNoArea = errors.New("the guest's memory has no counters: the module " + RuntimeName + " was not loaded")

// findArea finds the area: it begins with its own address.
func findArea(m Memory) (*area, error) {
	head := make([]byte, areaHead+maxModules*moduleSize)
	for offset := int64(0); offset < m.Size; offset += areaAlign {
		if _, err := m.File.ReadAt(head, offset); err != nil {
			return nil, fmt.Errorf("read the guest's memory: %w", err)
		}
		if !bytes.HasPrefix(head, []byte(areaMagic)) {
			continue
		}
		size := binary.LittleEndian.Uint64(head[24:])
		if m.Offset(binary.LittleEndian.Uint64(head[16:])) != offset || size < areaAlign || size > areaMaximum {
			continue // a copy of something
		}
		a := &area{memory: m, data: make([]byte, size)}
		if _, err := m.File.ReadAt(a.data, offset); err != nil {
			return nil, fmt.Errorf("read the guest's memory: %w", err)
		}
		return a, a.parse()
	}
	return nil, errNoArea
}

var errInvalid = errors.New("the counters in the guest's memory are not valid")

func (a *area) parse() error {
	word := func(at int) uint32 { return binary.LittleEndian.Uint32(a.data[at:]) }
	long := func(at int) uint64 { return binary.LittleEndian.Uint64(a.data[at:]) }
	a.unfollowed, a.logLost = int(word(36)), long(56) != 0
	var ok bool
	if a.log, ok = a.part(long(40), long(48)-long(40)); !ok || word(32) > maxModules {
		return errInvalid
	}
	for i := range int(word(32)) {
		at := areaHead + i*moduleSize
		name, _, _ := bytes.Cut(a.data[at:at+56], []byte{0})
		m := areaModule{name: string(name), live: word(at+56) != 0, first: uint64(word(at + 60)), bytes: long(at + 64)}
		if m.bytes > maxBytes || m.first >= pageSize {
			return errInvalid
		}
		pages := (m.first + m.bytes + pageSize - 1) / pageSize
		var okPages bool
		m.totals, ok = a.part(long(at+72), m.bytes)
		m.pages, okPages = a.part(long(at+80), pages*8)
		if !ok || !okPages {
			return errInvalid
		}
		a.modules = append(a.modules, m)
	}
	return nil
}

// part returns a part of the area, and whether it is within the area.
func (a *area) part(offset, length uint64) ([]byte, bool) {
	all := uint64(len(a.data))
	if offset > all || length > all-offset {
		return nil, false
	}
	return a.data[offset : offset+length], true
}

// counts returns what a module has counted: before it was unloaded, and since. The
// counters of a loaded module are in its own memory.
func (a *area) counts(m areaModule) (Counts, error) {
	c := make(Counts, m.bytes/counterSize)
	c.add(m.totals)
	if !m.live {
		return c, nil
	}
	own := make([]byte, 0, uint64(len(m.pages)/8)*pageSize)
	for pages := m.pages; len(pages) > 0; pages = pages[8:] {
		page := own[len(own) : len(own)+pageSize]
		if err := a.memory.read(page, binary.LittleEndian.Uint64(pages)); err != nil {
			return nil, errInvalid
		}
		own = own[:len(own)+pageSize]
	}
	c.add(own[m.first : m.first+m.bytes])
	return c, nil
}

// Counts are the counters of a module, in their order.
type Counts []uint64

// maxCount limits a counter, so that no sum overflows.
const maxCount = 1 << 40

func (c Counts) add(counters []byte) {
	for i := range c {
		c[i] = sum(c[i], binary.LittleEndian.Uint64(counters[i*counterSize:]))
	}
}

// sum adds what counters have counted.
func sum(a, b uint64) uint64 { return min(min(a, maxCount)+min(b, maxCount), maxCount) }
