package harness_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The output of two machines reads as that of one test with two subtests.
func TestTwoMachinesRunOneTest(t *testing.T) {
	t.Parallel()
	want := `=== RUN   TestPasses
=== RUN   TestPasses/machine0
    together_…: this is machine 0 of 2
=== RUN   TestPasses/machine1
    together_…: this is machine 1 of 2
--- PASS: TestPasses …
    --- PASS: TestPasses/machine0 …
    --- PASS: TestPasses/machine1 …
=== RUN   TestIsLast
    together_…: the end
--- PASS: TestIsLast …
PASS
`
	for name, env := range map[string][]string{"by the test": nil, "of all tests": {freshMode}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := newCommand(t, env, binary(t, "together"), "-test.v", "-test.run=Passes|IsLast")
			if status := run.status(t); status != 0 {
				t.Errorf("exit status %d, want 0", status)
			}
			if d := cmp.Diff(want, place.ReplaceAllString(same(run.stdout.String()), "_…")); d != "" {
				t.Errorf("standard output (-want +got):\n%s\n%s", d, run.stderr.String())
			}
		})
	}
}

// If a machine fails, the other ends, and the output says which one is the cause.
func TestMachineThatFailsEndsTheOther(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		want   []string // patterns
	}{
		"TestFails": {1, []string{`--- FAIL: TestFails/machine1 \(.*\)\n +together_test\.go:\d+: as it is meant to\n`}},
		"TestWaits": {1, []string{`--- FAIL: TestWaits/machine1 \(.*\)\n +together_test\.go:\d+: as it is meant to\n`}},
		"TestDies": {255, []string{
			`--- FAIL: TestDies/machine1 \(.*\)\n +kernel fault \(panic\)`,
			`kmodtest: FAIL: kernel fault: TestDies/machine1: Kernel panic .*, during TestDies/machine1\n`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := newCommand(t, nil, binary(t, "together"), "-test.run=^("+name+"|TestIsLast)$", "-test.timeout=4m")
			status, out := run.status(t), run.stdout.String()+run.stderr.String()
			if status != c.status {
				t.Errorf("exit status %d, want %d", status, c.status)
			}
			ended := `--- FAIL: ` + name + `/machine0 \(.*\)\n +the machine was ended, because ` + name + `/machine1 has failed\n`
			for _, want := range append(c.want, `(?m)^--- FAIL: `+name+` \(`, ended) {
				if !regexp.MustCompile(want).MatchString(out) {
					t.Errorf("nothing in the output matches %q:\n%s", want, out)
				}
			}
		})
	}
}

func TestMachinesAreRefused(t *testing.T) {
	t.Parallel()
	run := newCommand(t, nil, binary(t, "together"), "-test.run=FromSubtest|TooMany|AfterFresh")
	if status := run.status(t); status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
	for _, want := range []string{
		"guest.Together is for top-level tests",
		`machines of a test: "9" is not a number from 2 to 8`,
		"the test already runs in a fresh machine",
	} {
		if !strings.Contains(run.stdout.String(), want) {
			t.Errorf("%q is not in the output:\n%s%s", want, &run.stdout, &run.stderr)
		}
	}
}
