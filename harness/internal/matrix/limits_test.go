package matrix

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/report"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
)

// mostMemory is how much the heap may grow while a run prints without an end.
const mostMemory = 56 << 20

// measured runs the fake and checks the memory and the time that this takes.
func (f fake) measured(t *testing.T) report.Run {
	t.Helper()
	f.Verdict = &verdict.Report{Version: 1}
	runtime.GC()
	start := time.Now()
	before := rss(t)
	stop := make(chan struct{})
	peak := make(chan int64)
	go func() {
		var most int64
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				peak <- most
				return
			case <-ticker.C:
				most = max(most, rss(t))
			}
		}
	}()
	run, _ := f.do(t.Context(), t)
	close(stop)
	grown := <-peak - before
	t.Logf("%d MiB of output took %v and %d MiB of memory", f.Pieces*len(f.Piece)>>20, time.Since(start).Round(time.Millisecond), grown>>20)
	if grown > mostMemory {
		t.Errorf("memory grew by %d MiB, want at most %d", grown>>20, mostMemory>>20)
	}
	return run
}

// rss returns the resident memory of this process, in bytes.
func rss(t *testing.T) int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Error(err)
		return 0
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		t.Error(err)
	}
	return pages * int64(os.Getpagesize())
}

const endOfTestA = "\n\x16--- PASS: TestA (0.00s)\n\x16PASS\n"

func TestEndlessLinesAreLimited(t *testing.T) {
	run := fake{Output: "\x16=== RUN   TestA\nfirst\n", Piece: strings.Repeat("x", 4000) + "%d\n", Pieces: 1 << 14, End: "last" + endOfTestA}.measured(t)
	out := run.Tests[0].Output
	if len(out) > report.TextLimit || !strings.HasPrefix(out, "first\nxx") || !strings.HasSuffix(out, "last\n") || !strings.Contains(out, " bytes are left out here ") {
		t.Errorf("got %d bytes: %.50q", len(out), out)
	}
	if run.State != report.Passed || run.Tests[0].State != report.Passed {
		t.Errorf("the run is %s, its test %s", run.State, run.Tests[0].State)
	}
}

func TestEndlessLineIsCut(t *testing.T) {
	run := fake{Output: "\x16=== RUN   TestA\nfirst", Piece: strings.Repeat("x", 1<<10), Pieces: 1 << 16, End: endOfTestA}.measured(t)
	out := run.Tests[0].Output
	if len(out) > report.TextLimit || !strings.HasPrefix(out, "firstxx") || !strings.Contains(out, " bytes are left out here ") {
		t.Errorf("got %d bytes: %.50q", len(out), out)
	}
}

func TestEndlessOutputOutsideOfTestsIsLimited(t *testing.T) {
	run := fake{Output: "kmodtest: first\n", Piece: "kmodtest: note %d" + strings.Repeat("x", 4000) + "\n", Pieces: 1 << 14}.measured(t)
	if len(run.Output) > report.TextLimit+100 || !strings.HasPrefix(run.Output, "kmodtest: first\n") {
		t.Errorf("got %d bytes: %.50q", len(run.Output), run.Output)
	}
}

// Many tests that print share the limit of the run. Tests that failed keep their
// output, tests that passed lose theirs first.
func TestOutputOfManyTestsIsLimited(t *testing.T) {
	piece := "\x16=== RUN   TestA/%d\n" + strings.Repeat(strings.Repeat("x", 999)+"\n", 10) + "\x16--- PASS: TestA/%d (0.00s)\n"
	run := fake{
		Output: "\x16=== RUN   TestA\n\x16=== RUN   TestA/bad\n" + strings.Repeat("wrong\n", 10_000) + "\x16--- FAIL: TestA/bad (0.00s)\n",
		Piece:  piece, Pieces: 9000, End: "\x16--- FAIL: TestA (0.00s)\n\x16FAIL\n",
	}.measured(t)
	total := 0
	for _, test := range run.Tests {
		total += len(test.Output)
	}
	if total > outputLimit+len(run.Tests)*80 || len(run.Tests) != 9002 {
		t.Errorf("%d tests have %d bytes of output", len(run.Tests), total)
	}
	if bad := run.Tests[1]; bad.Output != strings.Repeat("wrong\n", 10_000) {
		t.Errorf("the output of %s is %d bytes", bad.Name, len(bad.Output))
	}
	for _, test := range run.Tests[2:] {
		if !strings.Contains(test.Output, " bytes are left out here ") && len(test.Output) < 10_000 {
			t.Fatalf("the output of %s is %q", test.Name, test.Output)
		}
	}
}

func TestNumberOfTestsIsLimited(t *testing.T) {
	const more = 5_000
	run := fake{
		Output: "\x16=== RUN   TestA\n", Piece: "\x16=== RUN   TestA/%d\nword\n\x16--- PASS: TestA/%d (0.00s)\n", Pieces: testsLimit + more,
		End: "\x16=== RUN   TestZ\n    kernel fault (warn): it\n\x16--- FAIL: TestZ (0.00s)\n\x16--- PASS: TestA (0.00s)\n\x16PASS\n",
	}.measured(t)
	if len(run.Tests) != testsLimit+1 || run.Unlisted != more+1 {
		t.Errorf("%d tests are listed and %d are not, want %d and %d", len(run.Tests), run.Unlisted, testsLimit+1, more+1)
	}
	if last := run.Tests[len(run.Tests)-1]; last.Name != "TestZ" || last.State != report.Failed {
		t.Errorf("the last test is %+v, want one that failed beyond the limit", last)
	}
	if want := fmt.Sprintf("kmodtest: %d tests are not listed", run.Unlisted); !strings.Contains(run.Output, want) {
		t.Errorf("no %q in %.200q", want, run.Output)
	}
}

func TestNamesOfTestsAreLimited(t *testing.T) {
	long := "TestA/" + strings.Repeat("ä", 300)
	run := fake{Output: "\x16=== RUN   " + long + "\nword\n\x16--- PASS: " + long + " (0.10s)\n\x16=== RUN   " + long + "2\n"}.measured(t)
	if len(run.Tests) != 2 || run.Tests[0].State != report.Passed || run.Tests[0].Output != "word\n" {
		t.Fatalf("got %+v", run.Tests)
	}
	for _, test := range run.Tests {
		if len(test.Name) > report.TitleLimit {
			t.Errorf("a name has %d bytes", len(test.Name))
		}
	}
}

func TestGuestStringsAreClean(t *testing.T) {
	const evil = "\x1b]0;title\x07\u202e"
	const evilName = "TestA/" + evil
	run, lines := fake{
		Output:  "kmodtest: " + evil + "\n\x16=== RUN   " + evilName + "\nprinted " + evil + "\n\x16--- FAIL: " + evilName + " (0.00s)\n\x16FAIL\n",
		Verdict: &verdict.Report{Version: 1, Kind: "kernel fault", Title: evil + strings.Repeat("long ", 1000), Advice: evil, Raw: "raw " + evil, Platform: verdict.Platform{Release: evil, Package: evil}},
		Log:     evil, Status: 255,
	}.do(t.Context(), t)
	bad := regexp.MustCompile(`[\x00-\x08\x0b-\x1f\x7f\x{202e}]`)
	for _, text := range []string{run.Title, run.Advice, run.Raw, run.Output, run.KernelLog, run.Tests[0].Name, run.Tests[0].Output, lines} {
		if bad.MatchString(text) || text == "" {
			t.Errorf("got %q", text)
		}
	}
	if len(run.Title) > report.TitleLimit {
		t.Errorf("the title has %d bytes", len(run.Title))
	}
}
