package inside

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
)

// MarkVariable is the environment variable with a word that the marks of one
// machine carry: other lines that look like marks are none.
const MarkVariable = "KMODTEST_MARK"

// MarkFile has the same word, for helpers that tests call.
const MarkFile = "/run/kmodtest/mark"

// TurnsVariable is the environment variable that says which tests are to run;
// see package events.
const TurnsVariable = "KMODTEST_TURNS"

// A Mark is a line that a guest writes into the kernel's log, so that what the
// kernel logs can be told to belong to a test:
//
//	kmodtest: VERB WORD… #NUMBER WORD
type Mark struct {
	Verb string
	// Words have no spaces in them, but for the last one of Expect and Allow.
	Words []string
	// Number goes up in each machine, for the verbs from Run to End; for
	// others it is 0.
	Number uint64
}

// The verbs of marks. Each is about the test that is its first word.
const (
	MarkRun    = "run"
	MarkPause  = "pause"
	MarkCont   = "cont"
	MarkEnd    = "end"    // then PASS, FAIL or SKIP, and its time as the testing package prints it
	MarkAllow  = "allow"  // then a pattern
	MarkExpect = "expect" // then a kind of fault, or "*", and a pattern
	MarkInput  = "input"  // then where a worker that fuzzes keeps its input, as InputPlace writes it
	MarkDump   = "dump"   // then begin or end: what the kernel is asked to tell of a machine that hangs; of no test
)

const markPrefix = "kmodtest: "

// String returns the line without the word that ends it.
func (m Mark) String() string {
	return markPrefix + m.Verb + " " + strings.Join(m.Words, " ") + " #" + strconv.FormatUint(m.Number, 10)
}

// ParseMark reads a line of the kernel's log. With an empty word it takes a mark
// of any machine.
func ParseMark(line, word string) (m Mark, ok bool) {
	text, ok := strings.CutPrefix(line, markPrefix)
	if !ok {
		return m, false
	}
	i := strings.LastIndex(text, " #")
	if i < 0 {
		return m, false
	}
	number, theirs, ok := strings.Cut(text[i+2:], " ")
	if !ok || word != "" && theirs != word {
		return m, false
	}
	var err error
	if m.Number, err = strconv.ParseUint(number, 10, 64); err != nil {
		return m, false
	}
	m.Verb, text, _ = strings.Cut(text[:i], " ")
	limit := -1
	switch m.Verb {
	case MarkRun, MarkPause, MarkCont, MarkEnd, MarkInput, MarkDump:
	case MarkAllow:
		limit = 2
	case MarkExpect:
		limit = 3
	default:
		return m, false
	}
	m.Words = strings.SplitN(text, " ", limit)
	return m, true
}

// IsMark tells whether a line of the kernel's log is a mark.
func IsMark(line string) bool {
	_, ok := ParseMark(line, "")
	return ok
}

// maxMarkedName is how long a test's name may be to stand in a mark as it is: a
// record of the kernel's log holds about 1,000 bytes.
const maxMarkedName = 200

// Unescape undoes what /dev/kmsg does to unprintable bytes, bytes from 127 on,
// and the backslash: each is written \xNN.
func Unescape(text string) string {
	if !strings.Contains(text, `\x`) {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if i+3 < len(text) && text[i] == '\\' && text[i+1] == 'x' {
			if b, err := strconv.ParseUint(text[i+2:i+4], 16, 8); err == nil {
				out.WriteByte(byte(b))
				i += 3
				continue
			}
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// MarkedName is a test's name as it stands in marks. Of a long one there is only
// the beginning, and a sum of it all.
func MarkedName(name string) string {
	if len(name) <= maxMarkedName {
		return name
	}
	sum := uint64(14695981039346656037) // FNV-1a
	for i := range len(name) {
		sum = (sum ^ uint64(name[i])) * 1099511628211
	}
	return name[:maxMarkedName] + "~" + strconv.FormatUint(sum, 16)
}

// Marker writes marks. Its methods may be called from several goroutines at
// once.
type Marker struct {
	mu     sync.Mutex
	log    *os.File
	word   string
	number uint64
}

// KernelLog is the kernel's log, for writing and reading.
const KernelLog = "/dev/kmsg"

// NewMarker opens a log, usually KernelLog, for marks with a word.
func NewMarker(path, word string) (*Marker, error) {
	log, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	return &Marker{log: log, word: word}, nil
}

// Close closes the log.
func (m *Marker) Close() error { return m.log.Close() }

// Count writes a mark with a number, and returns that. What the kernel logs after
// this call stands behind it. The first word is a test's name.
func (m *Marker) Count(verb, name string, words ...string) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.number++
	return m.number, m.write(Mark{Verb: verb, Words: append([]string{MarkedName(name)}, words...), Number: m.number})
}

// Write writes a mark without a number.
func (m *Marker) Write(verb string, words ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.write(Mark{Verb: verb, Words: words})
}

// write makes it an error message of user space: the console has it too, if the
// kernel dies before its log can be read.
func (m *Marker) write(mark Mark) error {
	line := mark.String() + " " + m.word + "\n"
	if strings.Contains(line[:len(line)-1], "\n") {
		return errors.New("a mark has no place for a second line")
	}
	_, err := m.log.WriteString("<3>" + line)
	return err
}
