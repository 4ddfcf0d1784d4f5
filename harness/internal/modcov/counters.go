package modcov

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Counters are what the modules of a run have counted, in all of its machines. Its
// methods may be called by several goroutines at once.
type Counters struct {
	modules []*Module
	since   time.Time // the modules had been built by then

	mu       sync.Mutex
	machines int
	totals   map[*Module]Counts
	tests    map[string]testCounts
	notes    []string // what is not known, each once
}

// testCounts are what was counted while a test ran.
type testCounts map[*Module]map[uint32]uint64

// maxTests is the number of tests that are told apart.
const maxTests = 20_000

// NewCounters returns counters of modules, which are all zero.
func NewCounters(modules []*Module) *Counters {
	c := &Counters{modules: modules, since: time.Now(), totals: map[*Module]Counts{}, tests: map[string]testCounts{}}
	for _, m := range modules {
		c.totals[m] = make(Counts, m.bytes/counterSize)
	}
	return c
}

// Add adds what the guest with this memory has counted. The machine must have ended.
// A guest that has died before it counted anything adds nothing.
func (c *Counters) Add(memory Memory) error {
	c.mu.Lock()
	c.machines++
	c.mu.Unlock()
	a, err := findArea(memory)
	if errors.Is(err, errNoArea) {
		c.note(err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	known := make([]*Module, len(a.modules))
	totals := make([]Counts, len(a.modules))
	for i, m := range a.modules {
		if totals[i], err = a.counts(m); err != nil {
			return err
		}
		known[i] = c.module(m)
	}
	c.mu.Lock()
	for i, m := range known {
		if m != nil {
			for k, n := range totals[i] {
				c.totals[m][k] = sum(c.totals[m][k], n)
			}
		}
	}
	a.byTest(totals, func(test string, ch change) {
		if m := known[ch.module]; m != nil {
			c.addTo(test, m, ch)
		}
	})
	c.mu.Unlock()
	if a.unfollowed > 0 {
		c.note(fmt.Sprintf("the guest has no room for the counters of %d modules", a.unfollowed))
	}
	if a.logLost {
		c.note("the guest has no room to note which test reaches a line; for later tests it is not known")
	}
	return nil
}

// Machines returns how many machines were added.
func (c *Counters) Machines() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.machines
}

func (c *Counters) addTo(test string, m *Module, ch change) {
	if c.tests[test] == nil {
		if len(c.tests) == maxTests {
			return
		}
		c.tests[test] = testCounts{}
	}
	if c.tests[test][m] == nil {
		c.tests[test][m] = map[uint32]uint64{}
	}
	c.tests[test][m][ch.counter] = sum(c.tests[test][m][ch.counter], ch.by)
}

// module returns the module that a guest knows by that name. One with other counters is
// another module: a test has built it.
func (c *Counters) module(m areaModule) *Module {
	i := slices.IndexFunc(c.modules, func(own *Module) bool { return own.Name == m.name && own.bytes == m.bytes })
	if i < 0 {
		return nil
	}
	return c.modules[i]
}

func (c *Counters) note(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Contains(c.notes, text) {
		c.notes = append(c.notes, text)
	}
}

// Notes returns what is not known, in sentences.
func (c *Counters) Notes() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.notes)
}

// testNames returns the names of the tests, sorted.
func (c *Counters) testNames() []string { return slices.Sorted(maps.Keys(c.tests)) }
