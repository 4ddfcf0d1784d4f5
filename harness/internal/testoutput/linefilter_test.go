package testoutput

import (
	"strings"
	"testing"
)

func TestLineFilterDropsEachLineOnce(t *testing.T) {
	const in = "a\n--- SKIP: TestA (0.00s)\nb --- SKIP: TestA (\n\x16--- SKIP: TestB (0.10s)\n--- SKIP: TestA (0.20s)\n--- SKIP"
	const want = "a\nb --- SKIP: TestA (\n--- SKIP: TestA (0.20s)\n--- SKIP"
	for _, size := range []int{1, 2, 7, len(in)} {
		var out strings.Builder
		f := NewLineFilter(&out)
		f.Drop("--- SKIP: TestA (")
		f.Drop("--- SKIP: TestB (")
		f.Drop("--- SKIP: TestC (")
		for rest := in; rest != ""; {
			n := min(size, len(rest))
			if _, err := f.Write([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := f.Flush(); err != nil || out.String() != want {
			t.Errorf("in pieces of %d bytes: %q, %v; want %q", size, out.String(), err, want)
		}
	}
}

// The filter holds back output only if it must: a reader may be waiting for it.
func TestLineFilterHoldsNoMoreThanItMust(t *testing.T) {
	var out strings.Builder
	f := NewLineFilter(&out)
	f.Drop("--- SKIP: TestA (")
	for in, want := range map[string]string{"prompt> ": "prompt> ", "--- SKIP": "", "--- SKIP: TestAB": "--- SKIP: TestAB"} {
		out.Reset()
		f.held, f.inner = nil, false
		if _, err := f.Write([]byte(in)); err != nil || out.String() != want {
			t.Errorf("after %q: %q, %v; want %q", in, out.String(), err, want)
		}
	}
}
