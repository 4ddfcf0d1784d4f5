// Package timeline reads the kernel log of one machine. It finds the faults in it
// and, from the marks, the tests that they are attributed to.
package timeline

import (
	"math"
	"slices"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/klog"
)

// Timeline is the kernel log of one machine, as the tests see it. It is for one
// goroutine at a time.
type Timeline struct {
	Word string // of this machine's marks
	// Late reports that the mark of a test's beginning may come after the test's
	// first instructions, but not before the mark of the end of the test before it.
	Late bool
	testRuns
	excuses
	announced

	scan       klog.Scanner
	quiet      int                // heartbeats since the kernel logged something
	printed    map[int]bool       // faults, by their first record, that the output of a test contains
	attributed map[int][]*TestRun // tests, by the first record of their fault
	answers    []string           // the kernel's state, as it logged it on request
	answered   int                // bytes of answers
	asked      bool
}

// maxAnswers is how many bytes of the kernel's answers are kept.
const maxAnswers = 256 << 10

// New returns the timeline of a machine whose marks carry the given word.
func New(word string) *Timeline {
	return &Timeline{
		Word: word, announced: announced{word: word}, testRuns: testRuns{ended: map[uint64]*TestRun{}},
		printed: map[int]bool{}, attributed: map[int][]*TestRun{}, excuses: excuses{judged: map[identity]bool{}},
	}
}

// Add adds the next record of the log.
func (t *Timeline) Add(rec klog.Record) {
	if rec.Facility == 0 {
		t.quiet = 0
	}
	if t.asked && !inside.IsMark(rec.Text) {
		t.answers = append(t.answers, rec.Text)
		t.answered += len(rec.Text) + 32 // an empty one takes memory, too
		t.asked = t.answered < maxAnswers
	}
	t.scan.Add(rec)
	if rec.Facility != 0 {
		t.mark(inside.Unescape(rec.Text))
	}
}

// AddConsole adds the records that only the console of a dead machine has. Apart from
// marks, the console does not distinguish the kernel's records from those of user space.
// A mark that was announced may be missing there if the record after it is another mark: so a
// record comes after all marks up to the one that follows it, or up to the last one.
func (t *Timeline) AddConsole(records []klog.Record) {
	followed := make([]uint64, len(records)) // numbers of the next marks
	next := uint64(math.MaxUint64)
	for i, rec := range slices.Backward(records) {
		if m, ok := inside.ParseMark(rec.Text, t.Word); ok && m.Number != 0 {
			next = m.Number
		}
		followed[i] = next
	}
	followUpTo := func(number uint64) {
		for _, m := range t.take(number) {
			t.mark(m.line)
		}
	}
	for i, rec := range records {
		followUpTo(followed[i] - 1)
		if _, ok := inside.ParseMark(rec.Text, t.Word); ok {
			rec.Facility = 1 // LOG_USER
		}
		t.scan.Add(rec)
		t.mark(rec.Text)
	}
	followUpTo(math.MaxUint64)
}

// Beat counts a heartbeat of the guest, one each second. A fault report is
// complete when the kernel has logged nothing for some of them.
func (t *Timeline) Beat() { t.quiet++ }

// mark follows a line of the log if it is a mark.
func (t *Timeline) mark(line string) {
	m, ok := inside.ParseMark(line, t.Word)
	if !ok || len(m.Words) == 0 || m.Number != 0 && m.Number <= t.number {
		return
	}
	if m.Verb == inside.MarkDump {
		t.asked = m.Words[0] == "begin"
	}
	t.take(m.Number)
	t.follow(m, t.scan.Added())
}

// Complete reports whether the log has been read up to the mark with that number,
// and every fault report before it is complete.
func (t *Timeline) Complete(mark uint64) bool {
	return t.number >= mark && (t.quiet >= 2 ||
		!slices.ContainsFunc(t.scan.Faults(), func(f klog.Fault) bool { return f.Open && !f.Whole }))
}

// Answers returns the state that the kernel logged when the guest requested it,
// shortly before the tests' timeout. The text may contain any characters.
func (t *Timeline) Answers() []string { return t.answers }
