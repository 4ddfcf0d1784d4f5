package inside

import (
	"hash/fnv"
	"io"
	"strconv"
	"strings"
)

// MarkVariable is the environment variable with the word that ends each mark of one
// machine. Lines without it are not marks.
const MarkVariable = "KMODTEST_MARK"

// MarkFile is the file with the same word, for the helpers that tests call.
const MarkFile = "/run/kmodtest/mark"

// TurnsVariable is the environment variable that selects the tests to run; see
// package events.
const TurnsVariable = "KMODTEST_TURNS"

// A Mark is a line that a guest writes into the kernel log. The host uses it to
// attribute the records of the kernel to a test:
//
//	kmodtest: VERB WORD… #NUMBER WORD
type Mark struct {
	Verb string
	// Words contain no spaces, except the last one of Expect and Allow.
	Words []string
	// Number increases in each machine, for the verbs from Run to End. It is 0
	// for the others.
	Number uint64
}

// The verbs of marks. The first word of a mark is the name of its test, except for
// MarkDump.
const (
	MarkRun    = "run" // second word, for a top-level test: its number among them
	MarkPause  = "pause"
	MarkCont   = "cont"
	MarkEnd    = "end"    // second word PASS, FAIL or SKIP; third its time as the testing package prints it
	MarkAllow  = "allow"  // second word a pattern
	MarkExpect = "expect" // second word a kind of fault, or "*"; third a pattern
	MarkInput  = "input"  // second word the place of a fuzz worker's input, as of InputPlace
	MarkDump   = "dump"   // only word begin or end, around the state of a machine that hangs
)

// EventLines are the beginnings of the testing package's lines that get a mark, with its verb.
var EventLines = []struct{ Line, Verb string }{
	{"=== RUN   ", MarkRun},
	{"=== PAUSE ", MarkPause},
	{"=== CONT  ", MarkCont},
	{"--- PASS: ", MarkEnd},
	{"--- FAIL: ", MarkEnd},
	{"--- SKIP: ", MarkEnd},
}

const markPrefix = "kmodtest: "

// String returns the line without its last word.
func (m Mark) String() string {
	return markPrefix + m.Verb + " " + strings.Join(m.Words, " ") + " #" + strconv.FormatUint(m.Number, 10)
}

// ParseMark parses a line of the kernel log. ok is false if it is not a mark with
// this word. If word is empty, marks of all machines are accepted.
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

// IsMark reports whether a line of the kernel log is a mark of any machine.
func IsMark(line string) bool {
	_, ok := ParseMark(line, "")
	return ok
}

// maxMarkedName is the length in bytes up to which a test's name is unchanged in a
// mark. A record of the kernel log holds about 1,000 bytes.
const maxMarkedName = 200

// Unescape returns the original of a text that was read from /dev/kmsg, where
// unprintable bytes, bytes from 127 on and the backslash are written as \xNN.
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

// MarkedName returns a test's name as it stands in marks: the beginning and a hash of
// the whole name if it is long, otherwise the name.
func MarkedName(name string) string {
	if len(name) <= maxMarkedName {
		return name
	}
	sum := fnv.New64a()
	_, _ = io.WriteString(sum, name) // a hash returns no error
	return name[:maxMarkedName] + "~" + strconv.FormatUint(sum.Sum64(), 16)
}
