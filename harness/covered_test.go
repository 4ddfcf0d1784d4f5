package harness_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/coverage"
)

// TestCoverageOfModule compares the counts of two machines, the first of which panics,
// with what the tests do.
func TestCoverageOfModule(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"off", "test"} { // the tests share machines, or each has its own
		t.Run("fresh "+mode, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "out")
			c := newCommand(t, []string{"KMODTEST_COVERAGE=" + dir, "KMODTEST_COVERAGE_MIN=100,50", "KMODTEST_FRESH=" + mode}, binary(t, "covered"))
			if status := c.status(t); status != 0 {
				t.Errorf("exit status %d, want 0\n%s%s", status, c.stdout.String(), c.stderr.String())
			}
			p, err := coverage.Read(dir)
			if err != nil || p == nil {
				t.Fatalf("the profile is %v, %v", p, err)
			}
			checkCovered(t, p)
		})
	}
}

func checkCovered(t *testing.T, p *coverage.Profile) {
	t.Helper()
	if len(p.Files) != 1 || !strings.HasSuffix(p.Files[0].Name, "testdata/modules/covered/covered.c") {
		t.Fatalf("there are %d files: %+v", len(p.Files), p.Files)
	}
	f := p.Files[0]
	texts := strings.Split(f.Source, "\n")
	for comment, want := range map[string]struct {
		count uint64
		tests []string
	}{
		"each set":    {2, []string{"TestA", "TestB"}},
		"the panic":   {1, []string{"TestPanic"}},
		"the choice":  {2, []string{"TestA", "TestB"}},
		"b":           {1, []string{"TestB"}},
		"the refusal": {1, []string{"TestLoadAgain"}},
	} {
		i := slices.IndexFunc(texts, func(text string) bool { return strings.HasSuffix(text, "/* line of "+comment+" */") })
		line := f.Line(i + 1)
		if tests := coverage.NamesOf(p.Tests, line.Tests); line.Count != want.count || !slices.Equal(tests, want.tests) {
			t.Errorf("the line of %s: executed %d times by %q, want %d times by %q", comment, line.Count, tests, want.count, want.tests)
		}
	}
	exits := slices.IndexFunc(texts, func(text string) bool { return strings.HasSuffix(text, "/* line of the exit */") })
	if line := f.Line(exits + 1); line.Count < 2 { // by TestLoadAgain and after the tests
		t.Errorf("the exit function was executed %d times", line.Count)
	}
	if len(p.Notes) > 0 {
		t.Errorf("notes: %q", p.Notes)
	}
}

// TestLowCoverageFails is a run that reaches too little.
func TestLowCoverageFails(t *testing.T) {
	t.Parallel()
	env := []string{"KMODTEST_COVERAGE=" + t.TempDir(), "KMODTEST_COVERAGE_MIN=100"}
	c := newCommand(t, env, binary(t, "covered"), "-test.run=^TestA$")
	if status := c.status(t); status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
	out := c.stdout.String() + c.stderr.String()
	for _, want := range []string{"kmodtest: coverage: ", "not reached: covered.c:", "the coverage is too low: ", "at least 100 % must be"} {
		if !strings.Contains(out, want) {
			t.Errorf("the output does not say %q:\n%s", want, out)
		}
	}
}
