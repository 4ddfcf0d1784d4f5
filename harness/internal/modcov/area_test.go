package modcov

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// guest is the memory of a guest with an area, as runtime/kmodtest_coverage.c writes it.
type guest struct {
	memory []byte
	area   []byte // a part of memory
	top    int
}

const areaAddress = 2 * areaAlign

func newGuest() *guest {
	g := &guest{memory: make([]byte, 4*areaAlign), top: areaAlign}
	g.area = g.memory[areaAddress : areaAddress+areaAlign]
	copy(g.area, areaMagic)
	g.put64(16, areaAddress)
	g.put64(24, areaAlign)
	g.put64(40, areaHead+maxModules*moduleSize)
	g.put64(48, areaHead+maxModules*moduleSize)
	return g
}

func (g *guest) put32(at int, n uint32) { binary.LittleEndian.PutUint32(g.area[at:], n) }
func (g *guest) put64(at int, n uint64) { binary.LittleEndian.PutUint64(g.area[at:], n) }

func (g *guest) data() Memory {
	return Memory{File: bytes.NewReader(g.memory), Size: int64(len(g.memory)), Offset: func(address uint64) int64 { return int64(address) }}
}

// add adds a module with counts up to its last unloading. If it is loaded, its own
// counters are in pages in reverse order.
func (g *guest) add(name string, totals, loaded []uint64) {
	n := int(binary.LittleEndian.Uint32(g.area[32:]))
	at := areaHead + n*moduleSize
	first := 4096 - 16 // two counters are in the first page
	g.put32(32, uint32(n+1))
	copy(g.area[at:], name)
	g.put32(at+60, uint32(first))
	g.put64(at+64, uint64(8*len(totals)))
	g.top -= 8 * len(totals)
	g.put64(at+72, uint64(g.top))
	for i, count := range totals {
		g.put64(g.top+8*i, count)
	}
	pages := (first + 8*len(totals) + 4095) / 4096
	g.top -= 8 * pages
	g.put64(at+80, uint64(g.top))
	for i := range pages {
		g.put64(g.top+8*i, uint64(4096*(10-i)))
	}
	if loaded == nil {
		return
	}
	g.put32(at+56, 1)
	for i, count := range loaded {
		place := first + 8*i
		binary.LittleEndian.PutUint64(g.memory[4096*(10-place/4096)+place%4096:], count)
	}
}

// log adds a record to the log.
func (g *guest) log(mark string, changes ...change) {
	at := int(binary.LittleEndian.Uint64(g.area[48:]))
	length := (8 + 16*len(changes) + len(mark) + 7) / 8 * 8
	g.put32(at, uint32(length))
	g.put32(at+4, uint32(len(changes)))
	for i, c := range changes {
		g.put32(at+8+16*i, c.module)
		g.put32(at+12+16*i, c.counter)
		g.put64(at+16+16*i, c.by)
	}
	copy(g.area[at+8+16*len(changes):], mark)
	g.put64(48, uint64(at+length))
}

// counters returns counters of a module m with four counters.
func counters() (*Module, *Counters) {
	m := &Module{Name: "m", bytes: 32}
	return m, NewCounters([]*Module{m})
}

func TestCountsOfUnloadedAndLoadedModulesAreAdded(t *testing.T) {
	m, c := counters()
	g := newGuest()
	g.add("other", []uint64{7, 7, 7, 7}, nil)
	g.add("m", []uint64{1, 0, 3, 0}, []uint64{10, 20, 30, 0})
	for range 2 { // machines
		if err := c.Add(g.data()); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := c.totals[m], (Counts{22, 40, 66, 0}); !slices.Equal(got, want) {
		t.Errorf("the counts of two machines are %v, want %v", got, want)
	}
}

func TestModuleOfOtherSizeIsAnother(t *testing.T) {
	m, c := counters()
	g := newGuest()
	g.add("m", []uint64{1, 2, 3}, nil)
	if err := c.Add(g.data()); err != nil || !slices.Equal(c.totals[m], Counts{0, 0, 0, 0}) {
		t.Errorf("got %v, %v; want no counts", c.totals[m], err)
	}
}

func TestCountsBelongToActiveTests(t *testing.T) {
	m, c := counters()
	g := newGuest()
	// 5 of counter 3 were counted after the last mark, when the machine died.
	g.add("m", []uint64{1, 2, 4, 8 + 16 + 5}, nil)
	g.log("kmodtest: run TestA #1 -\n", change{0, 0, 1})
	g.log("kmodtest: pause TestA #2 -\n", change{0, 1, 2})
	g.log("kmodtest: run TestB #3 -\n")
	g.log("kmodtest: cont TestA #4 -\n", change{0, 2, 4})
	g.log("kmodtest: end TestB PASS 0.00s #5 -\n", change{0, 3, 8})
	g.log("kmodtest: run TestC #6 -\n", change{0, 3, 16}, change{1, 0, 9}, change{0, 4, 9}) // two of them do not exist
	if err := c.Add(g.data()); err != nil {
		t.Fatal(err)
	}
	want := map[string]map[uint32]uint64{
		"TestA": {1: 2, 3: 8 + 16 + 5},
		"TestB": {2: 4, 3: 8},
		"TestC": {3: 5},
	}
	for name, counts := range want {
		for counter := range uint32(4) {
			if got := c.tests[name][m][counter]; got != counts[counter] {
				t.Errorf("%s has %d of counter %d, want %d", name, got, counter, counts[counter])
			}
		}
	}
	if len(c.tests) != len(want) {
		t.Errorf("there are counts of %q", c.testNames())
	}
}

func TestFullLogIsNoted(t *testing.T) {
	m, c := counters()
	g := newGuest()
	g.add("m", []uint64{5, 0, 0, 0}, nil)
	g.log("kmodtest: run TestA #1 -\n")
	g.put64(56, 1)
	g.put32(36, 2)
	if err := c.Add(g.data()); err != nil {
		t.Fatal(err)
	}
	if c.totals[m][0] != 5 || len(c.tests) != 0 || len(c.Notes()) != 2 {
		t.Errorf("got counts %v, tests %v and notes %q", c.totals[m], c.tests, c.Notes())
	}
}

func TestMachineThatDiedEarlyCountsNothing(t *testing.T) {
	_, c := counters()
	g := newGuest()
	copied := slices.Clone(g.area)
	copy(g.area, "nothing")
	copy(g.memory[3*areaAlign:], copied) // of a file, for example
	if err := c.Add(g.data()); err != nil || len(c.Notes()) != 1 {
		t.Errorf("got %v and notes %q", err, c.Notes())
	}
}

func TestInvalidAreasAreRefused(t *testing.T) {
	const first = areaHead
	for name, spoil := range map[string]func(*guest){
		"too many modules":            func(g *guest) { g.put32(32, maxModules+1) },
		"log before the area":         func(g *guest) { g.put64(40, ^uint64(0)) },
		"log behind the area":         func(g *guest) { g.put64(48, areaAlign+1) },
		"counts behind the area":      func(g *guest) { g.put64(first+72, areaAlign-8) },
		"counts at the end of uint64": func(g *guest) { g.put64(first+72, ^uint64(0)-7) },
		"pages behind the area":       func(g *guest) { g.put64(first+80, areaAlign) },
		"more counters than room":     func(g *guest) { g.put64(first+64, maxBytes+8) },
		"first counter beyond page":   func(g *guest) { g.put32(first+60, 4096) },
		"page that is not there": func(g *guest) {
			g.put64(int(binary.LittleEndian.Uint64(g.area[first+80:])), 1<<40)
		},
	} {
		_, c := counters()
		g := newGuest()
		g.add("m", []uint64{1, 2, 3, 4}, []uint64{1, 2, 3, 4})
		spoil(g)
		if err := c.Add(g.data()); !errors.Is(err, errInvalid) {
			t.Errorf("%s: got error %v, want %v", name, err, errInvalid)
		}
	}
}

func TestManyRunningTestsTakeLittleTime(t *testing.T) {
	_, c := counters()
	g := newGuest()
	g.add("m", []uint64{1, 2, 3, 4}, nil)
	for i := 0; binary.LittleEndian.Uint64(g.area[48:]) < uint64(g.top-100); i++ {
		g.log("kmodtest: run T"+strconv.Itoa(i)+" #"+strconv.Itoa(i+1)+" -\n", change{0, 0, 1})
	}
	if err := c.Add(g.data()); err != nil {
		t.Fatal(err)
	}
	if n := len(c.tests); n != maxActive {
		t.Errorf("%d tests have counts, want %d", n, maxActive)
	}
}

func TestRandomAreasDoNoHarm(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		_, c := counters()
		g := newGuest()
		g.add("m", []uint64{1, 2, 3, 4}, []uint64{1, 2, 3, 4})
		g.log("kmodtest: run TestA #1 -\n", change{0, 0, ^uint64(0)})
		used := int(binary.LittleEndian.Uint64(g.area[48:]))
		for range 1 + random.IntN(4) {
			g.area[32+random.IntN(used-32)] = byte(random.Uint32())
		}
		if err := c.Add(g.data()); err != nil && !errors.Is(err, errInvalid) {
			t.Fatal(err)
		}
	}
}
