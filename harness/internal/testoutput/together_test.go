package testoutput

import (
	"io"
	"strings"
	"testing"
)

// The outputs of two machines read as if one test binary had printed them.
func TestOutputsOfMachinesAreOne(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ first, second, want string }{
		"both pass": {
			"--- PASS: TestX (1.00s)\n    --- PASS: TestX/machine0 (0.50s)\n", "--- PASS: TestX (2.00s)\n    --- PASS: TestX/machine1 (1.50s)\n",
			"--- PASS: TestX (2.00s)\n    --- PASS: TestX/machine0 (0.50s)\n    --- PASS: TestX/machine1 (1.50s)\n",
		},
		"quiet": {"", "", ""},
		"the first fails": {
			"--- FAIL: TestX (1.00s)\n    --- FAIL: TestX/machine0 (0.50s)\n        why\n", "",
			"--- FAIL: TestX (1.00s)\n    --- FAIL: TestX/machine0 (0.50s)\n        why\n",
		},
		"a failure counts": {"--- FAIL: TestX (1.00s)\n    a\n", "--- PASS: TestX (2.00s)\n    b\n", "--- FAIL: TestX (1.00s)\n    a\n    b\n"},
		"for programs": {
			"\x16--- PASS: TestX (1.00s)\n    a\n", "\x16--- SKIP: TestX (2.00s)\n    b\n",
			"\x16--- PASS: TestX (1.00s)\n    a\n    b\n",
		},
		"while it runs": {
			"=== RUN   TestX\n=== RUN   TestX/machine0\n    log\n--- PASS: TestX (1.00s)\n    a\n", "=== RUN   TestX\n=== RUN   TestX/machine1\n--- PASS: TestX (1.00s)\n    b\n",
			"=== RUN   TestX/machine0\n    log\n=== RUN   TestX/machine1\n--- PASS: TestX (1.00s)\n    a\n    b\n",
		},
		"another test":            {"--- FAIL: TestXY (1.00s)\n", "--- : TestX (1.00s)\n", "--- FAIL: TestXY (1.00s)\n--- : TestX (1.00s)\n"},
		"a line without an end":   {"hello", "--- PASS: TestX (1.00s)\n    b", "hello--- PASS: TestX (1.00s)\n    b"},
		"the beginning of a line": {"--- FA", "=== RU", "--- FA=== RU"},
	} {
		for _, size := range []int{1, 7, 1000} { // of a write
			outputs := []*Transcript{{}, {}}
			for i, text := range []string{c.first, c.second} {
				for text != "" {
					n := min(size, len(text))
					if _, err := io.WriteString(outputs[i].Stdout(), text[:n]); err != nil {
						t.Fatal(err)
					}
					text = text[n:]
				}
			}
			var out strings.Builder
			if err := PrintTogether("TestX", outputs, &out, io.Discard); err != nil || out.String() != c.want {
				t.Errorf("%s, in pieces of %d: %q, %v, want %q", name, size, out.String(), err, c.want)
			}
		}
	}
}
