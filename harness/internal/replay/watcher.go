package replay

import (
	"bytes"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Watcher passes on the output of tests, and finds in it the last test that failed. Its
// methods may be called by several goroutines at once.
type Watcher struct {
	to io.Writer

	mu      sync.Mutex
	line    []byte // the beginning of a line
	name    string // the top-level test that the last line was about
	failed  string // the last one that failed
	seeds   map[string][]string
	shuffle string
}

// Watch returns a Watcher that passes on the output to a writer.
func Watch(to io.Writer) *Watcher { return &Watcher{to: to, seeds: map[string][]string{}} }

// Write passes on a piece of the output.
func (w *Watcher) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for rest := p; len(rest) > 0; {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		if len(w.line) < maxLine {
			w.line = append(w.line, line...)
		}
		if whole {
			w.take(string(w.line))
			w.line = w.line[:0]
		}
		rest = after
	}
	return w.to.Write(p)
}

const (
	maxLine  = 4096 // bytes of a line that matter
	maxTests = 1000 // tests whose seeds are kept
)

var (
	event   = regexp.MustCompile(`^\x16?=== (?:RUN|NAME|CONT) +([^ /]+)`)
	failure = regexp.MustCompile(`^\x16?--- FAIL: ([^ /]+)`)
	shuffle = regexp.MustCompile(`^\x16?-test\.shuffle (\d+)$`)
	// seed matches a flag that a package for random inputs advises, such as
	// -rapid.seed=12345.
	seed = regexp.MustCompile(`-[a-z][a-z0-9]*\.seed=\d+`)
)

// take reads a line.
func (w *Watcher) take(line string) {
	if found := event.FindStringSubmatch(line); found != nil {
		w.name = found[1]
		return
	}
	if found := failure.FindStringSubmatch(line); found != nil {
		w.name, w.failed = found[1], found[1]
		return
	}
	if found := shuffle.FindStringSubmatch(line); found != nil {
		w.shuffle = found[1]
		return
	}
	if !strings.Contains(line, ".seed=") || len(w.seeds) > maxTests {
		return
	}
	for _, flag := range seed.FindAllString(line, -1) {
		name, _, _ := strings.Cut(flag, "=")
		others := slices.DeleteFunc(w.seeds[w.name], func(s string) bool { return strings.HasPrefix(s, name+"=") })
		w.seeds[w.name] = append(others, flag)
	}
}

// Failed returns the last top-level test that failed, and flags that repeat it with the
// same random numbers. The test is "" if none failed.
func (w *Watcher) Failed() (test string, flags []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shuffle != "" {
		flags = append(flags, "-shuffle="+w.shuffle)
	}
	return w.failed, append(flags, w.seeds[w.failed]...)
}
