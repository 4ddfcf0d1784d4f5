package harness_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const freshMode = "KMODTEST_FRESH=test"

// place matches the position in the source that precedes a line of t.Log.
var place = regexp.MustCompile(`_test\.go:\d+`)

// Two tests that change the same state of the kernel pass only in fresh machines.
func TestFreshMachinesKeepTestsApart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env    []string
		status int
	}{
		"one machine":        {nil, 1},
		"fresh":              {[]string{freshMode}, 0},
		"fresh by Config":    {[]string{"FRESH_CONFIG=1"}, 0},
		"fresh and switched": {[]string{"FRESH_CONFIG=1", "KMODTEST_FRESH=off"}, 1},
		"fresh and booted":   {[]string{freshMode, "KMODTEST_SNAPSHOT=off"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := newCommand(t, c.env, binary(t, "fresh"), "-test.v", "-test.run=Spoils")
			if status := run.status(t); status != c.status {
				t.Errorf("exit status %d, want %d:\n%s%s", status, c.status, &run.stdout, &run.stderr)
			}
		})
	}
}

// A test that requests a fresh machine gets one in the middle of a run, and its
// output is printed at the usual place.
func TestFreshMachineForOneTest(t *testing.T) {
	t.Parallel()
	run := newCommand(t, nil, binary(t, "fresh"), "-test.v", "-test.count=2", "-test.run=AsksForFresh|IsLast")
	want := strings.Repeat(`=== RUN   TestAsksForFresh
=== RUN   TestAsksForFresh/inside
--- PASS: TestAsksForFresh …
    --- PASS: TestAsksForFresh/inside …
=== RUN   TestIsLast
    fresh_…: the end
--- PASS: TestIsLast …
`, 2) + "PASS\n"
	if status := run.status(t); status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
	if d := cmp.Diff(want, place.ReplaceAllString(same(run.stdout.String()), "_…")); d != "" {
		t.Errorf("standard output (-want +got):\n%s\n%s", d, run.stderr.String())
	}
}

func TestFailureInFreshMachineFailsRun(t *testing.T) {
	t.Parallel()
	for name, env := range map[string][]string{"by the test": nil, "of all tests": {freshMode}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := newCommand(t, append(env, "FRESH_FAIL=1"), binary(t, "fresh"), "-test.run=AsksForFresh|IsLast")
			want := "--- FAIL: TestAsksForFresh …\n    fresh_…: as it was asked to\nFAIL\n"
			status, got := run.status(t), place.ReplaceAllString(same(run.stdout.String()), "_…")
			if status != 1 || got != want {
				t.Errorf("exit status %d, output %q; want 1, %q\n%s", status, got, want, &run.stderr)
			}
		})
	}
}

// If the kernel of a fresh machine dies, only the test in that machine fails.
func TestCrashInFreshMachineLeavesOthers(t *testing.T) {
	t.Parallel()
	for name, env := range map[string][]string{"by the test": nil, "of all tests": {freshMode}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := newCommand(t, env, binary(t, "fresh"), "-test.v", "-test.run=SpoilsFirst|Crashes|IsLast")
			if status := run.status(t); status != 255 {
				t.Errorf("exit status %d, want 255", status)
			}
			for _, want := range []string{
				`(?m)^--- PASS: TestSpoilsFirst `, `(?m)^--- PASS: TestIsLast `, `(?m)^FAIL$`,
			} {
				if !regexp.MustCompile(want).MatchString(run.stdout.String()) {
					t.Errorf("nothing in the output matches %q:\n%s", want, &run.stdout)
				}
			}
			if want := "FAIL: kernel fault: TestCrashes: Kernel panic"; !strings.Contains(run.stderr.String(), want) {
				t.Errorf("standard error does not say %q:\n%s", want, &run.stderr)
			}
		})
	}
}

func TestFreshMachineForSubtestIsRefused(t *testing.T) {
	t.Parallel()
	run := newCommand(t, nil, binary(t, "fresh"), "-test.run=AsksFromSubtest")
	if status := run.status(t); status != 1 || !strings.Contains(run.stdout.String(), "guest.Fresh is for top-level tests") {
		t.Errorf("exit status %d, want 1 and the reason:\n%s", status, &run.stdout)
	}
}

// No output of tests after the first failure is printed, even if they have run.
func TestFreshFailfastStopsAtFirstFailure(t *testing.T) {
	t.Parallel()
	run := newCommand(t, []string{freshMode, "FLAGS_FAIL=1"}, binary(t, "flags"), "-test.v", "-test.failfast", "-test.count=3", "-test.run=Double|FailsIfAsked")
	if status := run.status(t); status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
	for text, want := range map[string]int{"--- PASS: TestDouble (": 1, "--- FAIL: TestFailsIfAsked": 1} {
		if n := strings.Count(run.stdout.String(), text); n != want {
			t.Errorf("%q is there %d times, want %d:\n%s", text, n, want, &run.stdout)
		}
	}
}

// The merged cover profile of many machines is the same as that of one machine.
func TestFreshCoverProfileIsMerged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cover := func(name string, env ...string) (profile, percent string) {
		path := filepath.Join(dir, name)
		c := newCommand(t, env, "go", "test", "-count=1", "-run=Test|Fuzz|Example", "-covermode=count", "-coverprofile="+path, "./testdata/flags")
		if status := c.status(t); status != 0 {
			t.Errorf("exit status %d:\n%s%s", status, &c.stdout, &c.stderr)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		return string(text), regexp.MustCompile(`coverage: \S+`).FindString(c.stdout.String())
	}
	want, wantPercent := cover("one")
	got, gotPercent := cover("many", freshMode)
	if d := cmp.Diff(want, got); d != "" || wantPercent == "" || !strings.Contains(want, "flags.go") {
		t.Errorf("profile (-one machine +many):\n%s", d)
	}
	if gotPercent != wantPercent {
		t.Errorf("coverage with many machines: %q, with one: %q", gotPercent, wantPercent)
	}
}

func TestProfilesOfManyMachinesAreRefused(t *testing.T) {
	t.Parallel()
	run := newCommand(t, []string{freshMode}, binary(t, "flags"), "-test.cpuprofile=cpu")
	if status := run.status(t); status != 69 || !strings.Contains(run.stderr.String(), "-cpuprofile requires one machine for all tests") {
		t.Errorf("exit status %d, want 69 and the reason:\n%s", status, &run.stderr)
	}
}
