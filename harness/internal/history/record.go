// Package history keeps the results of many matrices in a file, and finds in them when a
// test began to fail, how often its result changed without a reason, and how its time grew.
package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// Record is a run of a package on a kernel: a line of the file. It has top-level tests
// only, without outputs.
type Record struct {
	Time    time.Time               `json:"time"`
	Commit  string                  `json:"commit,omitempty"` // of the working tree; "" if it has changes, or git does not know it
	Kernel  string                  `json:"kernel"`
	Release string                  `json:"release,omitempty"`
	Version string                  `json:"version,omitempty"` // of the kernel's package
	Package string                  `json:"package"`
	State   report.State            `json:"state"`
	Title   string                  `json:"title,omitempty"`
	Passed  map[string]float64      `json:"passed,omitempty"` // seconds by the names of tests that passed
	Bad     map[string]report.State `json:"bad,omitempty"`    // the other tests that ended, except skipped ones
}

// lineLimit is the longest line that is read: 11,000 names of 300 bytes, and the rest.
const lineLimit = 8 << 20

// records returns the records of a report.
func records(rep *report.Report, commit string) []Record {
	var all []Record
	for i := range rep.Runs {
		run := &rep.Runs[i]
		r := Record{
			Time: run.Started.UTC().Truncate(time.Second), Commit: commit, Kernel: run.Kernel, Package: run.Package, State: run.State, Title: run.Title,
			Passed: map[string]float64{}, Bad: map[string]report.State{},
		}
		for _, kernel := range rep.Kernels {
			if kernel.Name == run.Kernel {
				r.Release, r.Version = kernel.Release, kernel.Version
			}
		}
		for _, test := range run.Tests {
			switch {
			case strings.Contains(test.Name, "/"):
			case test.State.Bad():
				r.Bad[test.Name] = test.State
			case test.State == report.Passed:
				r.Passed[test.Name] = test.Seconds
			}
		}
		for name := range r.Bad { // with -test.count, a test may pass and fail
			delete(r.Passed, name)
		}
		all = append(all, r)
	}
	return all
}

// Append adds the runs of a report to the file, which it makes if there is no such file. Several
// processes can add to it at once.
func Append(path string, rep *report.Report, commit string) (err error) {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	for _, record := range records(rep, commit) {
		if err := encoder.Encode(record); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("add to the history: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil { // closing the file unlocks it
		return fmt.Errorf("lock the history %s: %w", path, err)
	}
	if err := endLine(f); err != nil {
		return fmt.Errorf("add to the history: %w", err)
	}
	if _, err := io.WriteString(f, text.String()); err != nil {
		return fmt.Errorf("add to the history: %w", err)
	}
	return nil
}

// endLine ends the last line of a file, which a full disk may have cut.
func endLine(f *os.File) error {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, info.Size()-1); err != nil || last[0] == '\n' {
		return err
	}
	_, err = f.WriteString("\n")
	return err
}

// Read reads the records of the file, in the order of its lines, and returns how many
// lines it could not read.
func Read(path string) (all []Record, damaged int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, fmt.Errorf("read the history: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, lineLimit)
	for lines.Scan() {
		var r Record
		if json.Unmarshal(lines.Bytes(), &r) != nil || r.Kernel == "" || r.Package == "" {
			damaged++
			continue
		}
		all = append(all, r)
	}
	if err := lines.Err(); err != nil {
		return nil, 0, fmt.Errorf("read the history %s: %w", path, err)
	}
	return all, damaged, nil
}
