package testoutput

import (
	"bytes"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/klog"
	"github.com/kmodtest/kmodtest/harness/internal/timeline"
)

// sample builds the tests of events/testdata/sample.
func sample(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "sample.test")
	out, err := exec.Command("go", "test", "-c", "-o", binary, "../events/testdata/sample").CombinedOutput()
	if err != nil {
		t.Fatalf("build the sample: %v\n%s", err, out)
	}
	return binary
}

// runSample returns the sample's output and exit code. With a log, the sample
// reports the events of its tests. SAMPLE_EXEC is the emulator that it needs, if
// this host does not run it.
func runSample(t *testing.T, binary, log string, env []string, args ...string) (stdout string, code int) {
	t.Helper()
	command := append(strings.Fields(os.Getenv("SAMPLE_EXEC")), binary, "-test.parallel=1", "-test.paniconexit0")
	cmd := exec.Command(command[0], append(command[1:], args...)...)
	cmd.Env = append(append(os.Environ(), "SAMPLE_LOG="+log), env...)
	var out bytes.Buffer
	cmd.Stdout = &out
	var exit *exec.ExitError // the callers check the exit code
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatalf("run the sample: %v", err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// times matches the text that differs between two runs.
var times = regexp.MustCompile(`\d+\.\d\ds|0x[0-9a-f]+|\t *\d+\t *[\d.]+ ns/op|(?m:^cpu: .*)`)

// A Reporter turns the events into exactly what the testing package would have
// printed.
func TestReporterPrintsWhatTestingDoes(t *testing.T) {
	t.Parallel()
	binary := sample(t)
	for _, args := range [][]string{
		{},
		{"-test.run=Passes"},
		{"-test.count=2"},
		{"-test.run=LogsAround/fails/deep"},
		{"-test.skip=Parallel|Stops"},
		{"-test.failfast"},
		{"-test.shuffle=3"},
		{"-test.cpu=1,2", "-test.run=Fails|Parallel"},
		{"-test.bench=.", "-test.run=Passes", "-test.benchtime=1x"},
		{"-test.run=PanicsIfAsked"},
	} {
		for _, v := range []string{"false", "true", "test2json"} {
			args := append(slices.Clone(args), "-test.v="+v)
			t.Run(strings.Join(args, " "), func(t *testing.T) {
				t.Parallel()
				log := filepath.Join(t.TempDir(), "log")
				if err := os.WriteFile(log, nil, 0o600); err != nil {
					t.Fatal(err)
				}
				env := []string{"SAMPLE_PANIC=" + map[bool]string{true: "1"}[slices.Contains(args, "-test.run=PanicsIfAsked")]}
				want, wantCode := runSample(t, binary, "", env, args...)
				raw, code := runSample(t, binary, log, env, args...)
				if code != wantCode {
					t.Errorf("exit code %d, want %d", code, wantCode)
				}
				var got bytes.Buffer
				r := NewReporter(&got, Options{Verbose: v})
				r.Follow(completeTimeline(t))
				for _, piece := range strings.SplitAfter(raw, "t") { // in odd pieces
					if _, err := r.Write([]byte(piece)); err != nil {
						t.Fatal(err)
					}
				}
				if err := r.Flush(); err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(times.ReplaceAllString(want, "…"), times.ReplaceAllString(got.String(), "…")); d != "" {
					t.Errorf("-testing +reporter:\n%s", d)
				}
				if strings.Contains(raw, "TELL") {
					t.Error(raw)
				}
			})
		}
	}
}

// completeTimeline is a log that has been read to its end, with nothing in it.
func completeTimeline(t *testing.T) *timeline.Timeline {
	t.Helper()
	tl := timeline.New("sample")
	mark := inside.Mark{Verb: inside.MarkPause, Words: []string{"-"}, Number: math.MaxUint64}
	tl.Add(klog.Record{Facility: 1, Text: mark.String() + " sample"})
	return tl
}

// The log of each parallel test is printed below its own result, although without
// -test.v no line marks the change from one test to another.
func TestLogsOfParallelTestsStayApart(t *testing.T) {
	t.Parallel()
	binary, log := sample(t), filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	raw, _ := runSample(t, binary, log, []string{"SAMPLE_PAIR=1"}, "-test.run=^TestPair", "-test.parallel=2")
	var got bytes.Buffer
	r := NewReporter(&got, Options{})
	r.Follow(completeTimeline(t))
	if _, err := r.Write([]byte(raw)); err != nil {
		t.Fatal(err)
	}
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`--- FAIL: TestPairFirst \(\S+\)\n    \S+ said by the first\n`, `--- FAIL: TestPairSecond \(\S+\)\n    \S+ said by the second\n`,
	} {
		if !regexp.MustCompile(want).MatchString(got.String()) {
			t.Errorf("no match of %s in\n%s", want, got.String())
		}
	}
}
