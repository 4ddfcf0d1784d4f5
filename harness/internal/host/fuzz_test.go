package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/klog"
)

// deadMachine is one in whose memory each worker had an input.
func deadMachine(t *testing.T, target string, workers ...func(memory []byte)) *machine {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "memory"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	m := &machine{memory: f, course: newCourse("")}
	s := &stay{name: target}
	m.course.begun = append(m.course.begun, s)
	for i, put := range workers {
		memory := make([]byte, inside.InputPages*inside.PageSize)
		put(memory)
		var pages []uint64
		for n := range inside.InputPages {
			page := uint64(3*n + i) // so no two are neighbours
			if _, err := f.WriteAt(memory[n*inside.PageSize:][:inside.PageSize], int64(page*inside.PageSize)); err != nil {
				t.Fatal(err)
			}
			pages = append(pages, page)
		}
		s.inputs = append(s.inputs, pages)
	}
	return m
}

func TestInputsOfDeadMachineAreKept(t *testing.T) {
	long := strings.Repeat("0123456789", 8000) // of many pages
	tried := func(text string) func([]byte) { return func(memory []byte) { inside.PutInput(memory, text) } }
	over := func(text string) func([]byte) {
		return func(memory []byte) {
			inside.PutInput(memory, text)
			inside.EndInput(memory)
		}
	}
	others := func(memory []byte) { copy(memory, "memory of somebody else") }
	for name, c := range map[string]struct {
		target  string
		workers []func([]byte)
		kept    []string
		want    string // in the words
	}{
		"one":        {"FuzzX", []func([]byte){tried("a")}, []string{"a"}, "the input that was tried then is kept: testdata/fuzz/FuzzX/ca978112ca1bbdca\ntry it again: go test -run=FuzzX/ca978112ca1bbdca\n"},
		"long":       {"FuzzX", []func([]byte){tried(long)}, []string{long}, "is kept"},
		"two":        {"FuzzX", []func([]byte){tried("a"), tried("b")}, []string{"a", "b"}, "is kept"},
		"one waits":  {"FuzzX", []func([]byte){over("a"), tried("b")}, []string{"b"}, "the input that was tried then"},
		"both wait":  {"FuzzX", []func([]byte){over("a"), over("b")}, []string{"a", "b"}, "need not be the one that caused it, is kept"},
		"one ended":  {"FuzzX", []func([]byte){others, tried("b")}, []string{"b"}, "is kept"},
		"nothing":    {"FuzzX", []func([]byte){others}, nil, ""},
		"too long":   {"FuzzX", []func([]byte){tried(long + long)}, nil, "is lost: it has more than 131048 bytes"},
		"elsewhere":  {"Fuzz/../../X", []func([]byte){tried("a")}, nil, "is lost"},
		"cut off":    {"Fuzz" + strings.Repeat("X", 196) + "~1", []func([]byte){tried("a")}, nil, "is lost"},
		"of no fuzz": {"TestX", []func([]byte){tried("a")}, nil, "is lost"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			words := deadMachine(t, c.target, c.workers...).keepInputs(dir)
			if !strings.Contains(words, c.want) || c.want == "" && words != "" {
				t.Errorf("got %q, want %q in it", words, c.want)
			}
			var kept []string
			paths, err := filepath.Glob(filepath.Join(dir, "*", "*"))
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range paths {
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				kept = append(kept, string(text))
			}
			if len(kept) != len(c.kept) {
				t.Fatalf("%d inputs are kept, want %d", len(kept), len(c.kept))
			}
			for _, want := range c.kept {
				if !strings.Contains(strings.Join(kept, "|"), want) {
					t.Errorf("%.20q is not kept", want)
				}
			}
		})
	}
}

func TestFaultsOfOnePlaceAreAlike(t *testing.T) {
	fault := func(title string, frames ...klog.Frame) *finding {
		return &finding{Fault: klog.Fault{Kind: klog.Warning, Title: title, Frames: frames}}
	}
	f, caller, guess := klog.Frame{Function: "f", Offset: 1}, klog.Frame{Function: "g", Offset: 2}, klog.Frame{Function: "h", Guess: true}
	first := fault("WARNING in f", f, caller)
	if same := fault("WARNING in f", f, guess, caller); first.identity() != same.identity() {
		t.Error("what the kernel is not sure of makes another fault")
	}
	line, by, module := f, caller, f
	line.Offset, by.Function, module.Module = 3, "other", "m"
	for name, other := range map[string]*finding{
		"another title":  fault("WARNING in e", f, caller),
		"another line":   fault("WARNING in f", line, caller),
		"another caller": fault("WARNING in f", f, by),
		"another module": fault("WARNING in f", module, caller),
	} {
		if other.identity() == first.identity() {
			t.Errorf("with %s it is the same fault", name)
		}
	}
}
