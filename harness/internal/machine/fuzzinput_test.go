package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/klog"
	"github.com/kmodtest/kmodtest/harness/internal/timeline"
)

// deadFuzzer returns the outcome of a machine whose workers had inputs in their
// memory.
func deadFuzzer(t *testing.T, workers ...func(memory []byte)) Outcome {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "memory"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	m := &Machine{vm: &vm{memory: f}, Timeline: timeline.New("w")}
	mark := func(text string) { m.Timeline.Add(klog.Record{Facility: 1, Text: "kmodtest: " + text + " w"}) }
	mark("run FuzzX #1")
	for i, put := range workers {
		memory := make([]byte, inside.InputPages*inside.PageSize)
		put(memory)
		var pages []uint64
		for n := range inside.InputPages {
			page := uint64(3*n + i) // no two are neighbours
			if _, err := f.WriteAt(memory[n*inside.PageSize:][:inside.PageSize], int64(page*inside.PageSize)); err != nil {
				t.Fatal(err)
			}
			pages = append(pages, page)
		}
		mark(fmt.Sprintf("input FuzzX %s #0", inside.InputPlace(pages)))
	}
	return Outcome{m: m}
}

func TestInputsAreReadFromMemory(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789", 8000) // several pages
	tried := func(text string) func([]byte) { return func(memory []byte) { inside.PutInput(memory, text) } }
	ended := func(memory []byte) {
		inside.PutInput(memory, "ended")
		inside.EndInput(memory)
	}
	reused := func(memory []byte) { copy(memory, "memory of another process") }
	input := func(text string) FuzzInput {
		return FuzzInput{"FuzzX", inside.Input{Text: text, Whole: true, Running: true}}
	}
	for name, c := range map[string]struct {
		workers []func([]byte)
		want    []FuzzInput
	}{
		"one":      {[]func([]byte){tried("a")}, []FuzzInput{input("a")}},
		"long":     {[]func([]byte){tried(long)}, []FuzzInput{input(long)}},
		"two":      {[]func([]byte){tried("a"), tried("b")}, []FuzzInput{input("a"), input("b")}},
		"ended":    {[]func([]byte){ended}, []FuzzInput{{"FuzzX", inside.Input{Text: "ended", Whole: true}}}},
		"reused":   {[]func([]byte){reused, tried("b")}, []FuzzInput{input("b")}},
		"too long": {[]func([]byte){tried(long + long)}, []FuzzInput{{"FuzzX", inside.Input{Text: (long + long)[:inside.InputRoom], Running: true}}}},
	} {
		if d := cmp.Diff(c.want, deadFuzzer(t, c.workers...).FuzzInputs()); d != "" {
			t.Errorf("%s: -want +got:\n%s", name, d)
		}
	}
}

func TestInputsAreLimited(t *testing.T) {
	t.Parallel()
	var workers []func([]byte)
	for range 3 {
		workers = append(workers, func(memory []byte) { inside.PutInput(memory, "x") })
	}
	o := deadFuzzer(t, workers...)
	target := o.m.Timeline.Active()[0]
	for len(target.Inputs) < 2*maxInputs {
		target.Inputs = append(target.Inputs, target.Inputs[0])
	}
	if n := len(o.FuzzInputs()); n != maxInputs {
		t.Errorf("%d inputs are kept, want %d", n, maxInputs)
	}
}
