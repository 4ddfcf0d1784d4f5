package host

import (
	"regexp"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/klog"
)

// course is what the kernel's log of one machine tells: which tests ran when, by
// the marks in it, and which faults there were in their time. It is for one
// goroutine.
type course struct {
	word    string           // of this machine's marks
	allowed []*regexp.Regexp // in the whole run; may be set later
	scan    klog.Scanner
	spans   []span
	number  uint64 // of the last mark
	quiet   int    // beats since the kernel logged something
	begun   []*stay
	ended   map[uint64]*stay // by the number of the mark
	told    map[int]bool     // where faults begin that the output of a test has
	dump    []string         // what the kernel told of itself when it was asked
	dumping bool
}

// stay is one run of a test, from its first mark to its last.
type stay struct {
	name     string // as it stands in marks
	parent   *stay
	paused   bool
	result   string // PASS, FAIL or SKIP, once it has ended, and the time it took
	took     string
	expected []*expectation
	inputs   [][]uint64 // where workers that fuzz keep theirs: numbers of pages
}

// expectation is a fault that a test allows or, if it must be, expects.
type expectation struct {
	must    bool
	kind    klog.Kind // "" for any
	pattern *regexp.Regexp
	from    int // the first record that it is about
	met     bool
}

// tell notes that the output of a test has the fault.
func (c *course) tell(f finding) { c.told[f.At] = true }

// hasTold tells whether that has been noted.
func (c *course) hasTold(f finding) bool { return c.told[f.At] }

// span is a part of the log, from a record up to the next span, during which the
// same tests ran.
type span struct {
	from    int
	running []*stay
}

// finding is a fault, and the tests that ran when it began.
type finding struct {
	klog.Fault
	tests   []*stay
	excused bool // somebody has allowed or expected it
}

func newCourse(word string) *course {
	return &course{word: word, ended: map[uint64]*stay{}, told: map[int]bool{}}
}

// add takes the next record of the log.
func (c *course) add(rec klog.Record) {
	if rec.Facility == 0 {
		c.quiet = 0
	}
	if c.dumping && !inside.IsMark(rec.Text) {
		c.dump = append(c.dump, rec.Text)
	}
	c.scan.Add(rec)
	if rec.Facility != 0 {
		c.takeMark(inside.Unescape(rec.Text))
	}
}

// addRest takes what only the console of a machine has that died. It does not
// tell the kernel's lines from those that user space wrote to the log.
func (c *course) addRest(rest []klog.Record) {
	for _, rec := range rest {
		c.scan.Add(rec)
		c.takeMark(rec.Text)
	}
}

func (c *course) takeMark(line string) {
	m, ok := inside.ParseMark(line, c.word)
	if !ok || len(m.Words) == 0 || m.Number != 0 && m.Number <= c.number {
		return
	}
	c.number = max(c.number, m.Number)
	name := m.Words[0]
	s := c.find(name)
	if s == nil && m.Number == 0 { // of a part of a benchmark, which has no marks
		s = c.around(name)
	}
	switch {
	case m.Verb == inside.MarkDump:
		c.dumping = name == "begin"
	case m.Verb == inside.MarkRun:
		c.begun = append(c.begun, &stay{name: name, parent: c.around(name)})
	case s == nil:
		return // its beginning was lost
	case m.Verb == inside.MarkPause, m.Verb == inside.MarkCont:
		s.paused = m.Verb == inside.MarkPause
	case m.Verb == inside.MarkEnd && len(m.Words) == 3:
		s.result, s.took = m.Words[1], m.Words[2]
		c.ended[m.Number] = s
		c.begun = slices.DeleteFunc(c.begun, func(other *stay) bool { return other == s })
	case m.Verb == inside.MarkInput:
		if pages, err := inside.ParseInputPlace(m.Words[len(m.Words)-1]); err == nil {
			s.inputs = append(s.inputs, pages)
		}
	case m.Verb == inside.MarkAllow, m.Verb == inside.MarkExpect:
		s.expect(m, c.scan.Added())
	}
	c.spans = append(c.spans, span{c.scan.Added(), c.running()})
}

// expect notes what a mark says that is to be expected. The guest has seen that
// the pattern is one.
func (s *stay) expect(m inside.Mark, from int) {
	e := &expectation{must: m.Verb == inside.MarkExpect, from: from}
	if e.must && len(m.Words) == 3 && m.Words[1] != "*" {
		e.kind = klog.Kind(m.Words[1])
	}
	var err error
	if e.pattern, err = regexp.Compile(m.Words[len(m.Words)-1]); err == nil && len(m.Words) > 1 {
		s.expected = append(s.expected, e)
	}
}

// find returns the test of that name that has begun, the last one if there are
// several.
func (c *course) find(name string) *stay {
	for _, s := range slices.Backward(c.begun) {
		if s.name == name {
			return s
		}
	}
	return nil
}

// around returns the test of which one with that name is a subtest.
func (c *course) around(name string) *stay {
	for {
		i := strings.LastIndexByte(name, '/')
		if i < 0 {
			return nil
		}
		name = name[:i]
		if s := c.find(name); s != nil {
			return s
		}
	}
}

// running returns the tests that run: not those that wait, for their turn or for
// a subtest.
func (c *course) running() []*stay {
	waits := map[*stay]bool{}
	for _, s := range c.begun {
		if !s.paused {
			waits[s.parent] = true
		}
	}
	var running []*stay
	for _, s := range c.begun {
		if !s.paused && !waits[s] {
			running = append(running, s)
		}
	}
	return running
}

// during returns the tests that ran when a record was logged.
func (c *course) during(at int) []*stay {
	for _, span := range slices.Backward(c.spans) {
		if span.from <= at {
			return span.running
		}
	}
	return nil
}

// findings returns the faults so far, and finds out which expectations are met.
func (c *course) findings() []finding {
	var all []finding
	for _, fault := range c.scan.Faults() {
		f := finding{Fault: fault, tests: c.during(fault.At)}
		f.excused = slices.ContainsFunc(c.allowed, f.Matches)
		for _, test := range f.tests {
			for s := test; s != nil; s = s.parent {
				f.excused = s.excuses(f) || f.excused
			}
		}
		all = append(all, f)
	}
	return all
}

// wanted tells whether tests run, and each of them, or one around it, has got a
// fault that it had expected.
func (c *course) wanted() bool {
	c.findings()
	running := c.running()
	return len(running) > 0 && !slices.ContainsFunc(running, func(s *stay) bool { return !s.got() })
}

// hurt tells whether a fault came during one of the top-level tests that have
// not ended.
func (c *course) hurt() bool {
	return slices.ContainsFunc(c.findings(), func(f finding) bool {
		return slices.ContainsFunc(f.tests, func(s *stay) bool {
			for s.parent != nil {
				s = s.parent
			}
			return slices.Contains(c.begun, s)
		})
	})
}

// excuses tells whether the test wanted the fault.
func (s *stay) excuses(f finding) bool {
	excuses := false
	for _, e := range s.expected {
		if f.At >= e.from && (e.kind == "" || e.kind == f.Kind) && f.Matches(e.pattern) {
			e.met, excuses = true, true
		}
	}
	return excuses
}

// got tells whether the test, or one around it, got a fault that it had expected.
func (s *stay) got() bool {
	for ; s != nil; s = s.parent {
		if len(s.gotten()) > 0 {
			return true
		}
	}
	return false
}

// gotten are the faults that the test had expected, and that were reported.
func (s *stay) gotten() []string {
	var all []string
	for _, e := range s.expected {
		if e.must && e.met {
			all = append(all, e.String())
		}
	}
	return all
}

// settled tells whether all reports have come to their end, or nothing more is
// going to come.
func (c *course) settled() bool {
	if c.quiet >= 2 {
		return true
	}
	return !slices.ContainsFunc(c.scan.Faults(), func(f klog.Fault) bool { return f.Open && !f.Whole })
}

// verdict is what the kernel's log has to say of a test that has ended, or that
// its machine took along: faults that nobody expected, and those that were
// expected and did not come.
func (c *course) verdict(s *stay) (faults []finding, unmet []*expectation) {
	for _, f := range c.findings() {
		if !f.excused && slices.Contains(f.tests, s) {
			faults = append(faults, f)
		}
	}
	for _, e := range s.expected {
		if e.must && !e.met {
			unmet = append(unmet, e)
		}
	}
	return faults, unmet
}

func (e *expectation) String() string {
	kind := "a fault"
	if e.kind != "" {
		kind = "a fault of kind " + string(e.kind)
	}
	return kind + " that matches " + e.pattern.String()
}
