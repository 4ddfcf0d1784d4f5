package klog

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// logs returns the paths of the logs of a directory of testdata.
func logs(t testing.TB, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no logs in testdata/%s (%v)", pattern, err)
	}
	return paths
}

func content(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// golden returns the text of a golden file: for each fault its kind, title, first
// and last line, and the frames that the kernel is sure of.
func golden(faults []Fault) string {
	var b strings.Builder
	for _, f := range faults {
		fmt.Fprintf(&b, "%s: %s\n", f.Kind, f.Title)
		fmt.Fprintf(&b, "lines: %d\nfirst: %s\nlast: %s\n", len(f.Report), f.Report[0], f.Report[len(f.Report)-1])
		for _, frame := range f.Frames {
			if !frame.Guess {
				fmt.Fprintf(&b, "\t%s\n", frame)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	for _, path := range logs(t, "*/*.log") {
		if strings.HasPrefix(path, "testdata/clean/") {
			continue
		}
		t.Run(strings.TrimSuffix(strings.TrimPrefix(path, "testdata/"), ".log"), func(t *testing.T) {
			got := golden(ConsoleFaults(content(t, path)))
			file := strings.TrimSuffix(path, ".log") + ".golden"
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if d := cmp.Diff(content(t, file), got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			if got == "" {
				t.Error("no fault was found")
			}
		})
	}
}

func TestCleanLogsHaveNoFaults(t *testing.T) {
	for _, path := range logs(t, "clean/*.log") {
		for _, f := range ConsoleFaults(content(t, path)) {
			t.Errorf("%s: %s: %s:\n%s", path, f.Kind, f.Title, strings.Join(f.Report, "\n"))
		}
	}
}

// A report is found as soon as its head is in the log, and consists of lines of the
// log in their order.
func TestTruncatedReports(t *testing.T) {
	for _, path := range logs(t, "*/*.log") {
		lines := strings.SplitAfter(content(t, path), "\n")
		known := 0
		for n := 0; n < len(lines); n += 1 + n/20 { // fewer steps in long logs
			log := strings.Join(lines[:n], "")
			faults := ConsoleFaults(log)
			if len(faults) < known {
				t.Fatalf("%s: %d faults in %d lines, and %d in fewer", path, len(faults), n, known)
			}
			known = len(faults)
			for _, f := range faults {
				checkReport(t, log, f)
			}
		}
	}
}

// checkReport checks that a report consists of lines of the log in their order.
func checkReport(t *testing.T, log string, f Fault) {
	t.Helper()
	var rest []string
	for line := range strings.Lines(log) {
		rest = append(rest, strings.TrimRight(line, "\r\n"))
	}
	if f.Title == "" || f.Kind == "" || len(f.Report) == 0 || strings.Contains(f.Title, "\n") {
		t.Fatalf("fault without a kind, a title or a report: %+v", f)
	}
	rest = rest[f.At:]
	for _, line := range f.Report {
		for len(rest) > 0 && !strings.HasSuffix(rest[0], line) { // other text may stand before it
			rest = rest[1:]
		}
		if len(rest) == 0 {
			t.Fatalf("%q of the report is not in the log, or not there", line)
		}
		rest = rest[1:]
	}
}
