package testoutput

import (
	"bytes"
	"errors"
	"io"
	"strings"
)

// PrintTogether prints the outputs of machines that have run one test, each with a
// subtest of its own, as those of one test binary: first what was printed while the
// test ran, then the test's last line, and the results of the subtests below it.
func PrintTogether(test string, outputs []*Transcript, stdout, stderr io.Writer) error {
	var parts []*halves
	var errs []error
	for _, output := range outputs {
		h := &halves{test: test, before: NewLineFilter(stdout)}
		h.before.Drop("=== RUN   " + test + "\n") // the machine that asked for the others has printed it
		errs = append(errs, output.Print(h, stderr), h.flush())
		parts = append(parts, h)
	}
	last := ""
	for _, result := range []string{"SKIP", "PASS", "FAIL"} { // the gravest decides
		for _, h := range parts {
			if strings.HasPrefix(strings.TrimPrefix(h.last, marker), "--- "+result) {
				last = h.last
			}
		}
	}
	_, err := io.WriteString(stdout, last)
	errs = append(errs, err)
	for _, h := range parts {
		_, err := stdout.Write(h.after)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// halves passes on the output of a test up to its last line, and keeps the rest.
type halves struct {
	test   string
	before *LineFilter
	line   []byte // the beginning of a line
	last   string // the test's last line; "" before it
	after  []byte
}

// Write takes output of the test.
func (h *halves) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		if h.last != "" {
			h.after = append(h.after, line...)
			continue
		}
		h.line = append(h.line, line...)
		if !bytes.HasSuffix(line, []byte("\n")) {
			continue
		}
		if h.isLast() {
			h.last = string(h.line)
		} else if _, err := h.before.Write(h.line); err != nil {
			return 0, err
		}
		h.line = h.line[:0]
	}
	return len(p), nil
}

// isLast reports whether the line is the one about the test's result.
func (h *halves) isLast() bool {
	text, ok := strings.CutPrefix(strings.TrimPrefix(string(h.line), marker), "--- ")
	return ok && len(text) > len("PASS") && strings.HasPrefix(text[len("PASS"):], ": "+h.test+" (")
}

func (h *halves) flush() error {
	_, err := h.before.Write(h.line)
	h.line = nil
	return errors.Join(err, h.before.Flush())
}
