package matrix

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// tableOf returns a table, and its jobs, which have not started.
func tableOf(names ...string) (*Table, []*Job) {
	t := &Table{started: time.Now()}
	var jobs []*Job
	for _, name := range names {
		jobs = append(jobs, &Job{Kernel: name, Package: "example.org/tests", planned: 4})
	}
	t.Plan(jobs, 2)
	return t, jobs
}

func TestTableShowsProgress(t *testing.T) {
	table, jobs := tableOf("5.10", "6.1", "6.12-min", "debug")
	table.Started(jobs[0])
	table.Note(jobs[0], "building kernel 5.10")
	table.Started(jobs[1])
	for _, test := range []report.Test{
		{Name: "TestA", State: report.NotRun},
		{Name: "TestA", State: report.Passed},
		{Name: "TestB", State: report.NotRun},
		{Name: "TestB/sub", State: report.Failed},
		{Name: "TestB", State: report.Failed},
		{Name: "TestC", State: report.NotRun},
	} {
		table.Test(jobs[1], test)
	}
	table.Started(jobs[2])
	table.Finished(jobs[2], &report.Run{State: report.Fault, Seconds: 75.4, Title: "BUG: it", Tests: []report.Test{{State: report.Passed}}})
	got := table.lines(100, 20)
	want := []string{
		"1 of 4 runs done, 1 bad; 2 running, 2 at most; 0:00",
		"5.10      tests  running   0:00  ░░░░░░░░░░░░░░░░  0/4  building kernel 5.10",
		"6.1       tests  running   0:00  ████████░░░░░░░░  2/4, 1 failed  TestC",
		"6.12-min  tests  fault     1:15  1 passed: BUG: it",
		"debug     tests  waiting",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if above := table.above.String(); !strings.Contains(above, "6.12-min tests: fault (75.4 s; 1 passed): BUG: it\n") {
		t.Errorf("above the table is %q", above)
	}
	table.colours = true
	if got := table.lines(100, 20)[3]; got != "6.12-min  tests  \x1b[35mfault\x1b[m     1:15  1 passed: BUG: it" {
		t.Errorf("with colours: %q", got)
	}
}

func TestTableFitsItsTerminal(t *testing.T) {
	table, jobs := tableOf("1", "2", "3", "4", "5", "6", "7", "8")
	for _, job := range jobs[:6] {
		table.Started(job)
		table.Note(job, strings.Repeat("long ", 40))
	}
	for i, job := range jobs[:4] {
		run := &report.Run{State: report.Passed}
		if i == 1 {
			run.State = report.Failed
		}
		table.Finished(job, run)
	}
	for _, height := range []int{1, 4, 8, 50} {
		for _, width := range []int{1, 5, 20, 80} {
			for _, colours := range []bool{false, true} {
				table.colours = colours
				lines := table.lines(width, height)
				if len(lines) > max(height-2, 2) {
					t.Errorf("%d lines for a height of %d", len(lines), height)
				}
				for _, line := range lines {
					plain := strings.NewReplacer("\x1b[36m", "", "\x1b[32m", "", "\x1b[31m", "", "\x1b[m", "").Replace(line)
					if n := len([]rune(plain)); n > width {
						t.Errorf("%q is %d characters wide, want at most %d", line, n, width)
					}
				}
			}
		}
	}
	var shown []string
	for _, line := range table.lines(40, 8)[1:] {
		shown = append(shown, line[:1])
	}
	if want := []string{"5", "6", "2", "7", "8"}; !slices.Equal(shown, want) {
		t.Errorf("got rows %q, want %q: running, bad, waiting", shown, want)
	}
	if head := table.lines(200, 8)[0]; !strings.HasSuffix(head, "3 more rows do not fit here") {
		t.Errorf("the head is %q", head)
	}
}

// After Close, the terminal shows the lines above the table, and nothing of the
// table.
func TestClosedTableLeavesLinesAboveIt(t *testing.T) {
	here, terminal := openTerminal(t)
	shown := make(chan []byte)
	go func() {
		all, _ := io.ReadAll(here) // ends with EIO when the terminal is closed
		shown <- all
	}()
	table := NewTable(terminal, true)
	job := &Job{Kernel: "6.1", Package: "tests"}
	table.LeftOut("other", "it has no tests")
	table.Plan([]*Job{job}, 1)
	table.Started(job)
	table.draw()
	table.Finished(job, &report.Run{State: report.Failed, Title: "TestA failed"})
	table.draw()
	table.Close()
	if err := terminal.Close(); err != nil {
		t.Fatal(err)
	}
	text := <-shown
	if !bytes.Contains(text, []byte("running")) {
		t.Errorf("the run was not shown: %q", text)
	}
	if got, want := onScreen(text), "other is left out: it has no tests\n6.1 tests: failed (0.0 s): TestA failed"; got != want {
		t.Errorf("the terminal shows %q, want %q", got, want)
	}
}

// onScreen returns what a terminal shows after it has received a table's output.
func onScreen(text []byte) string {
	var lines []string
	at := 0
	for line := range strings.SplitSeq(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n") {
		var up int
		if n, _ := fmt.Sscanf(line, lineUp, &up); n == 1 {
			line = strings.TrimPrefix(line, fmt.Sprintf(lineUp, up))
			at -= up
		}
		if rest, ok := strings.CutPrefix(line, clearRest); ok {
			lines, line = lines[:at], rest
		}
		if content, ok := strings.CutSuffix(line, clearLine); ok {
			lines = append(lines[:at], append([]string{content}, lines[min(at+1, len(lines)):]...)...)
			at++
		}
	}
	return strings.Join(lines, "\n")
}

// openTerminal returns both ends of a new terminal.
func openTerminal(t *testing.T) (here, terminal *os.File) {
	t.Helper()
	here, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = here.Close() })
	if err := unix.IoctlSetPointerInt(int(here.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(here.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return here, terminal
}

func TestFlagsThatChooseTestsAreFound(t *testing.T) {
	got := choosingFlags([]string{"-test.run=A", "--test.count", "2", "-test.v", "-test.short", "-stress", "2m", "-test.bench", "B"})
	if want := []string{"-test.run=A", "--test.count", "2", "-test.short"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPlannedTestsAreCounted(t *testing.T) {
	packages, err := findPackages(t.Context(), "", []string{"./testdata/steady"})
	if err != nil {
		t.Fatal(err)
	}
	binary := t.TempDir() + "/steady.test"
	if err := packages[0].compile(t.Context(), binary); err != nil {
		t.Fatal(err)
	}
	if n := countTests(t.Context(), binary, packages[0].dir, nil); n != 1 {
		t.Errorf("%d tests, want 1", n)
	}
	if n := countTests(t.Context(), binary, packages[0].dir, []string{"-test.run=^TestRuns", "-test.count=5"}); n != 5 {
		t.Errorf("%d tests, want 5", n)
	}
	if n := countTests(t.Context(), "/bin/false", "/", nil); n != 0 {
		t.Errorf("%d tests of a program that does not list any, want 0", n)
	}
}
