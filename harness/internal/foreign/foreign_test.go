package foreign

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// results reads lines "ACTION TEST OUTPUT" of a package p as the events of go test -json.
func results(t *testing.T, lines ...string) Results {
	t.Helper()
	r := Results{}
	for _, line := range lines {
		action, rest, _ := strings.Cut(line, " ")
		test, output, _ := strings.Cut(rest, " ")
		r.add(event{Action: action, Package: "p", Test: test, Output: output})
	}
	return r
}

func outcomes(r Results) map[string]Outcome {
	got := map[string]Outcome{}
	for test, result := range r {
		got[test.Name] = result.Outcome
	}
	return got
}

func TestReadReadsEvents(t *testing.T) {
	r, err := Read(strings.NewReader(`{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"A"}
{"Action":"output","Package":"p","Test":"A","Output":"one\n"}
{"Action":"output","Package":"p","Test":"A","Output":"two\n"}
{"Action":"skip","Package":"p","Test":"A"}
{"Action":"pass","Package":"p"}
`))
	a := r[Test{"p", "A"}]
	if err != nil || len(r) != 1 || a == nil || a.Outcome != Skip || a.Output != "one\ntwo\n" {
		t.Errorf("got %v, %v", r, err)
	}
}

func TestBinaryThatEndsEarlyIsSettled(t *testing.T) {
	for _, test := range []struct {
		name   string
		events []string
		want   map[string]Outcome
		again  bool
	}{
		{"none", []string{"run A", "pass A", "run B", "fail B"}, map[string]Outcome{"A": Pass, "B": Fail}, false},
		{
			"by a panic of one that runs beside others",
			[]string{"run A", "pass A", "run B", "pause B", "run C", "pause C", "cont B", "cont C", "output C panic: x\n"},
			map[string]Outcome{"A": Pass, "C": Fail},
			true,
		},
		{"by a panic that the testing package reports", []string{"run A", "output A panic: x\n", "fail A"}, map[string]Outcome{"A": Fail}, true},
		{"in a subtest", []string{"run A", "run A/x", "pass A/x", "run A/y"}, map[string]Outcome{"A": Fail, "A/x": Pass, "A/y": Fail}, true},
		{"without a panic", []string{"run A", "pass A", "run B"}, map[string]Outcome{"A": Pass, "B": Fail}, true},
	} {
		r := results(t, test.events...)
		again := r.Settle()
		if got := outcomes(r); !maps.Equal(got, test.want) || (len(again) > 0) != test.again {
			t.Errorf("%s: got %v, again %q; want %v, again %t", test.name, got, again, test.want, test.again)
		}
	}
}

func TestEndedIsAPatternOfTopLevelTests(t *testing.T) {
	r := results(t, "run B", "pass B", "run A", "run A/x", "pass A/x", "fail A", "run C")
	if got := r.Ended("p"); got != "^(A|B)$" {
		t.Errorf("got %s", got)
	}
}

func TestDifferencesAreWorseOrBetter(t *testing.T) {
	native := results(t, "pass Same", "pass Worse", "fail Better", "output Better === RUN Better\n", "output Better     x_test.go:7: no modules at 0xffff8880\n",
		"fail Both", "skip Skipped", "fail Parent", "fail Parent/x", "pass Parent/y")
	guest := results(t, "pass Same", "skip Worse", "pass Better", "fail Both", "skip Skipped", "fail Parent", "pass Parent/x", "fail Parent/y",
		"fail Both/new")
	worse := []Difference{
		{Test{"p", "Both/new"}, Fail, Fail, ""},
		{Test{"p", "Parent/y"}, Pass, Fail, ""},
		{Test{"p", "Worse"}, Pass, Skip, ""},
	}
	better := []Difference{{Test{"p", "Better"}, Fail, Pass, "no modules at …"}, {Test{"p", "Parent/x"}, Fail, Pass, ""}}
	if got := Worse(native, guest); !slices.Equal(got, worse) {
		t.Errorf("worse: got %v, want %v", got, worse)
	}
	if got := Better(native, guest); !slices.Equal(got, better) {
		t.Errorf("better: got %v, want %v", got, better)
	}
}

func TestReasonsExplainByOutput(t *testing.T) {
	path := filepath.Join(t.TempDir(), "reasons.toml")
	const text = `
[[reason]]
package = "p"
tests = "^A"
output = "module \"x\""
reason = "the kernel has no x"

[[reason]]
package = "p"
output = "never printed"
reason = "stale"

[[reason]]
package = "p"
output = "never printed"
reason = "rare"
sometimes = true
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	reasons, err := ReadReasons(path)
	if err != nil {
		t.Fatal(err)
	}
	guest := results(t, `output A needs module "x"`, "skip A", "output A/sub -", "skip A/sub", "output A2 another message", "fail A2", `output B module "x"`, "fail B")
	found := []Difference{{Test: Test{"p", "A/sub"}}, {Test: Test{"p", "A2"}}, {Test: Test{"p", "B"}}}
	unexplained := reasons.Explain(found, guest)
	if found[0].Reason != "the kernel has no x" || !slices.Equal(unexplained, found[1:]) {
		t.Errorf("got %v, unexplained %v", found, unexplained)
	}
	if got := reasons.Unused("p"); !slices.Equal(got, []string{"stale"}) {
		t.Errorf("unused: got %q", got)
	}
}

func TestReasonsNeedOutput(t *testing.T) {
	path := filepath.Join(t.TempDir(), "reasons.toml")
	for text, want := range map[string]string{
		"[[reason]]\npackage = 'p'\nreason = 'r'\n":                        "lacks package, output or reason",
		"[[reason]]\npackage = 'p'\noutput = '('\nreason = 'r'\n":          "missing closing",
		"[[reason]]\npackage = 'p'\noutput = 'o'\nreason = 'r'\nmay = 1\n": "may",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadReasons(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestReportReplacesItsPartOfDocument(t *testing.T) {
	r := Report{
		Module: "example.com/m", Version: "v1.2.3", Commands: []string{"kmodtest test ./..."}, Packages: []string{"example.com/m/p"},
		Native: Results{{"example.com/m/p", "A"}: {Outcome: Pass}}, Guest: Results{{"example.com/m/p", "A"}: {Outcome: Skip}},
		Worse: []Difference{{Test{"example.com/m/p", "A"}, Pass, Skip, "a|b"}, {Test{"example.com/m/p", "B"}, Pass, Skip, "a|b"}},
	}
	const before = "head\n<!-- suites -->\n| [a.org/x](#x) | other |\n| [example.com/m](#old) | old |\n<!-- end of suites -->\n" +
		"<!-- example.com/m -->\nold\n<!-- end of example.com/m -->\nfoot\n"
	got, err := r.Update(before)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"head\n<!-- suites -->\n| package |", "| [a.org/x](#x) | other |\n| [example.com/m](#examplecomm-v123)/p | 1, 0, 0 | 0, 0, 1 | 2 | 0 |\n<!--",
		"### example.com/m v1.2.3\n\n    kmodtest test ./...\n", "| p: `A`, `B` | pass | skip | a\\|b |\n<!-- end of example.com/m -->\nfoot\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "old") {
		t.Errorf("it has old parts:\n%s", got)
	}
	if _, err := r.Update("<!-- suites -->\n<!-- end of suites -->\n"); err == nil {
		t.Error("a document without a place for the module is updated")
	}
}
