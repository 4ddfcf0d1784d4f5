package testoutput

import (
	"bytes"
	"strings"
	"testing"
)

func TestPassLineWaitsForVerdict(t *testing.T) {
	for name, c := range map[string]struct {
		out    string
		before string // what is passed on before the verdict
		failed string // all that is passed on when the run failed
	}{
		"PASS":            {"a\nPASS\n", "a\n", "a\nFAIL\n"},
		"with coverage":   {"PASS\ncoverage: 50.0% of statements\n", "", "FAIL\ncoverage: 50.0% of statements\n"},
		"for test2json":   {"\x16PASS\n", "", "\x16FAIL\n"},
		"FAIL":            {"a\nFAIL\n", "a\n", "a\nFAIL\n"},
		"a test's own":    {"PASS\nmore\n", "PASS\nmore\n", "PASS\nmore\n"},
		"inside a line":   {"a PASS\n", "a PASS\n", "a PASS\n"},
		"cut off":         {"a\nPA", "a\n", "a\nPA"},
		"longer word":     {"PASSED\n", "PASSED\n", "PASSED\n"},
		"without newline": {"last line", "last line", "last line"},
		"nothing":         {"", "", ""},
	} {
		for _, size := range []int{1, 2, 3, 1000} {
			var w bytes.Buffer
			l := NewPassLine(&w)
			for rest := c.out; rest != ""; {
				n := min(size, len(rest))
				if _, err := l.Write([]byte(rest[:n])); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			if w.String() != c.before {
				t.Errorf("%s, %d bytes at a time: %q before the verdict, want %q", name, size, &w, c.before)
			}
			if err := l.Finish(false); err != nil || w.String() != c.failed {
				t.Errorf("%s, %d bytes at a time: %q, %v when failed; want %q", name, size, &w, err, c.failed)
			}
		}
	}
}

func TestLastWordPassesOnPass(t *testing.T) {
	var w strings.Builder
	l := NewPassLine(&w)
	if _, err := l.Write([]byte("PASS\ncoverage: 1%\n")); err != nil {
		t.Fatal(err)
	}
	if err := l.Finish(true); err != nil || w.String() != "PASS\ncoverage: 1%\n" {
		t.Errorf("%q, %v", w.String(), err)
	}
}

func TestFinalLinesOfManyAreThoseOfOne(t *testing.T) {
	for name, c := range map[string]struct {
		held    string
		passed  bool
		covered float64
		want    string
	}{
		"passed":           {"PASS\n", true, -1, "PASS\n"},
		"failed elsewhere": {"PASS\n", false, -1, "FAIL\n"},
		"failed":           {"FAIL\n", false, -1, "FAIL\n"},
		"for test2json":    {"\x16PASS\n", false, -1, "\x16FAIL\n"},
		"crashed":          {"", false, -1, "FAIL\n"},
		"with coverage":    {"PASS\ncoverage: 10.0% of statements in ./...\n", true, 62.5, "PASS\ncoverage: 62.5% of statements in ./...\n"},
	} {
		if got := string(FinalLines([]byte(c.held), c.passed, c.covered)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
