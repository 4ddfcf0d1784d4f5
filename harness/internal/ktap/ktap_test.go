package ktap

import (
	"fmt"
	"strings"
	"testing"
)

// outline returns a case and those in it, each with its state.
func (c *Case) outline() string {
	state := "failed"
	switch {
	case c.Broken != "":
		state = "broken"
	case c.Skip:
		state = "skipped"
	case c.Todo:
		state = "todo"
	case c.OK:
		state = "passed"
	}
	text := c.Name + ":" + state
	if len(c.Cases) > 0 {
		var parts []string
		for _, sub := range c.Cases {
			parts = append(parts, sub.outline())
		}
		text += "(" + strings.Join(parts, " ") + ")"
	}
	return text
}

func TestResultsAreRead(t *testing.T) {
	for name, c := range map[string]struct{ output, want string }{
		"flat":          {"TAP version 13\n1..3\nok 1 - a\nnot ok 2 - b\nok 3 c # SKIP no such device\n", ":passed(a:passed b:failed c:skipped)"},
		"without names": {"1..2\nok 1\nok\n", ":passed(1:passed 2:passed)"},
		"KUnit": {`KTAP version 1
1..1
    KTAP version 1
    # Subtest: example
    # module: kunit_example_test
    1..3
    ok 1 simple
    # skipped: EXPECTATION FAILED
    not ok 2 failing
        KTAP version 1
        # Subtest: params
        ok 1 example value 3
        ok 2 example value 2 # SKIP unsupported
    # params: pass:1 fail:0 skip:1 total:2
    ok 3 params
# example: pass:2 fail:1 skip:1 total:4
not ok 1 example
`, ":passed(example:failed(simple:passed failing:failed params:passed(example value 3:passed example value 2:skipped)))"},
		"kernel log":              {"[    1.000001] KTAP version 1\n[    1.000002][  T12] 1..1\n[    1.1] noise\n<6>[    1.2] ok 1 a\n", ":passed(a:passed)"},
		"to do":                   {"1..2\nnot ok 1 a # TODO later\nnot ok 2 b # XFAIL known\n", ":passed(a:todo b:todo)"},
		"timeout":                 {"1..1\nok 1 a # TIMEOUT 45 seconds\n", ":passed(a:failed)"},
		"number sign in the name": {"ok 1 a#1 of 2\n", ":passed(a#1 of 2:passed)"},
		"crash":                   {"KTAP version 1\n1..3\nok 1 a\nKernel panic\n", ":broken(a:passed)"},
		"crash in a suite":        {"1..2\n    # Subtest: s\n    1..2\n    ok 1 a\n", ":broken(s:broken(a:passed))"},
		"suite without plan":      {"    # Subtest: s\n    ok 1 a\n", ":passed(s:broken(a:passed))"},
		"too many results":        {"1..1\nok 1 a\nok 2 b\n", ":broken(a:passed b:passed)"},
		"result is missing":       {"  1..1\n    1..1\n    ok 1 a\nok 1 s\n", ":passed(s:passed(:broken(a:passed)))"},
		"nothing":                 {"hello\n", ":passed"},
	} {
		got, err := Read(strings.NewReader(c.output))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got.outline() != c.want {
			t.Errorf("%s: read as %s, want %s", name, got.outline(), c.want)
		}
	}
}

func TestLogIsKeptWithItsCase(t *testing.T) {
	got, err := Read(strings.NewReader("# of a\n  more\nok 1 a\n# of b\nnot ok 2 b # SKIP why not\n# at the end\n"))
	if err != nil {
		t.Fatal(err)
	}
	if log := fmt.Sprint(got.Cases[0].Log, got.Cases[1].Log, got.Log); log != "[of a more] [of b] [at the end]" {
		t.Errorf("the logs are %s", log)
	}
	if got.Cases[1].Reason != "why not" {
		t.Errorf("the reason is %q", got.Cases[1].Reason)
	}
}

func TestInputIsLimited(t *testing.T) {
	var deep strings.Builder
	for i := range 2 * maxDepth {
		deep.WriteString(strings.Repeat(" ", i) + "1..1\n")
	}
	for name, output := range map[string]string{
		"depth": deep.String(), "plan": "1..99999999999\n", "results": strings.Repeat("ok\n", maxCases+1), "line": strings.Repeat("x", 2*maxLine),
	} {
		if _, err := Read(strings.NewReader(output)); err == nil {
			t.Errorf("%s: there is no error", name)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("KTAP version 1\n1..1\n    # Subtest: s\n    1..2\n    ok 1 a # SKIP\nnot ok 1 s\n")
	f.Fuzz(func(_ *testing.T, output string) {
		if c, err := Read(strings.NewReader(output)); err == nil {
			_ = c.outline()
		}
	})
}
