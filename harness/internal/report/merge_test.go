package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// part returns the report of a shard: all kernels and packages, some of the runs.
func part(r *Report, has func(n int) bool) *Report {
	p := *r
	p.Kernels, p.Runs = slices.Clone(r.Kernels), []Run{}
	for n, run := range r.Runs {
		if has(n) {
			p.Runs = append(p.Runs, run)
		}
	}
	for i, kernel := range p.Kernels { // the release is known only after a run
		if !slices.ContainsFunc(p.Runs, func(run Run) bool { return run.Kernel == kernel.Name }) {
			p.Kernels[i].Release, p.Kernels[i].Version = "", ""
		}
	}
	return &p
}

func TestMergedPartsEqualWhole(t *testing.T) {
	want := jsonOf(t, sample())
	for count := 1; count <= len(sample().Runs); count++ {
		var parts []*Report
		for index := range count {
			parts = append(parts, part(sample(), func(n int) bool { return n%count == index }))
		}
		for range parts {
			parts = append(parts[1:], parts[0]) // in any order
			got, err := Merge(parts...)
			if err != nil {
				t.Fatal(err)
			}
			if jsonOf(t, got) != want {
				t.Fatalf("%d parts: got\n%s, want\n%s", count, jsonOf(t, got), want)
			}
		}
	}
}

// Jobs on different machines write one report for each kernel.
func TestMergeKeepsOrderOfKernels(t *testing.T) {
	whole := sample()
	var parts []*Report
	for _, kernel := range []string{"6.12", "5.10", "7.0", "6.1"} {
		p := part(whole, func(n int) bool { return whole.Runs[n].Kernel == kernel })
		p.Kernels = slices.DeleteFunc(p.Kernels, func(k Kernel) bool { return k.Name != kernel })
		parts = append(parts, p)
	}
	got, err := Merge(parts...)
	if err != nil {
		t.Fatal(err)
	}
	if jsonOf(t, got) != jsonOf(t, whole) {
		t.Errorf("got\n%s, want\n%s", jsonOf(t, got), jsonOf(t, whole))
	}
}

func TestMergeRejectsTwoRunsOfOneCell(t *testing.T) {
	other := sample()
	if _, err := Merge(sample(), other); err != nil {
		t.Errorf("the same report twice: %v", err)
	}
	other.Runs[2].Seconds++
	if _, err := Merge(sample(), other); err == nil || !strings.Contains(err.Error(), "example.org/a/alpha on kernel 6.1") {
		t.Errorf("got %v, want an error that names the run", err)
	}
	if _, err := Merge(); err == nil {
		t.Error("merging no reports is not an error")
	}
}

func TestMergedTimeSpansAllParts(t *testing.T) {
	at := func(seconds, lasts int) *Report {
		return &Report{Started: start.Add(time.Duration(seconds) * time.Second), Seconds: float64(lasts)}
	}
	for _, c := range []struct {
		parts []*Report
		want  string
	}{
		{[]*Report{at(0, 10), at(5, 20)}, "0s 25"},
		{[]*Report{at(5, 20), at(0, 10)}, "0s 25"},
		{[]*Report{at(0, 100), at(5, 20), at(-10, 3)}, "-10s 110"},
	} {
		whole, err := Merge(c.parts...)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(whole.Started.Sub(start), " ", whole.Seconds); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestMissingRunsAreReported(t *testing.T) {
	if got := sample().Missing(); len(got) != 1 || got[0] != (Cell{"7.0", "example.org/a/beta"}) {
		t.Errorf("got %v", got)
	}
}
