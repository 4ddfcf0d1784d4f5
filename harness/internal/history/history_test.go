package history

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// day returns the report of a matrix with one run, in which TestA takes some seconds, or
// fails if they are negative.
func day(n int, version string, seconds float64) *report.Report {
	run := report.Run{
		Kernel: "6.1", Package: "example.org/p", State: report.Passed, Started: time.Date(2030, 1, n, 2, 0, 0, 0, time.UTC),
		Tests: []report.Test{{Name: "TestA", State: report.Passed, Seconds: seconds}, {Name: "TestA/sub", State: report.Failed}, {Name: "TestSkipped", State: report.Skipped}},
	}
	if seconds < 0 {
		run.State, run.Tests[0].State = report.Failed, report.Failed
	}
	return &report.Report{Version: report.Version, Kernels: []report.Kernel{{Name: "6.1", Release: "6.1.0", Version: version}}, Packages: []string{"example.org/p"}, Runs: []report.Run{run}}
}

func TestBeginningOfFailureHasPackageThatCameWithIt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "history")
	for i, c := range []struct {
		commit, version string
		seconds         float64
	}{
		{"a", "1", 1}, {"a", "1", -1}, {"a", "1", 1}, {"b", "1", 1}, {"b", "2", -1}, {"c", "2", -1},
	} {
		if err := Append(file, day(i+1, c.version, c.seconds), c.commit); err != nil {
			t.Fatal(err)
		}
	}
	all, damaged, err := Read(file)
	if err != nil || damaged != 0 || len(all) != 6 {
		t.Fatalf("%d records, %d damaged, %v", len(all), damaged, err)
	}
	found := Find(all)
	if len(found) != 2 || found[0].Test != "" || found[0].Failures != 0 || found[1].Test != "TestA" {
		t.Fatalf("found %+v", found)
	}
	a := found[1]
	if a.Runs != 6 || a.Failures != 3 || a.Flakes != 2 {
		t.Errorf("%d runs, %d failures, %d flakes; want 6, 3 and 2", a.Runs, a.Failures, a.Flakes)
	}
	if a.Began == nil || a.Began.First.Time.Day() != 5 || a.Began.First.Version != "2" || a.Began.Last == nil || a.Began.Last.Version != "1" {
		t.Errorf("it began to fail with %+v", a.Began)
	}
}

func TestGrowthOfTimeIsFound(t *testing.T) {
	var all []Record
	for i := range 12 {
		seconds := 1.0
		if i >= 7 {
			seconds = 2.5
		}
		all = append(all, records(day(i+1, "1", seconds), "")...)
	}
	found := Find(all)
	if a := found[1]; a.Before != 1 || a.Now != 2.5 || !a.Slower() {
		t.Errorf("before %v, now %v", a.Before, a.Now)
	}
	if a := Find(all[:9])[1]; a.Before != 0 || a.Slower() {
		t.Errorf("with 9 runs: before %v, now %v; want none", a.Before, a.Now)
	}
}

func TestBrokenRunsSayNothing(t *testing.T) {
	rep := day(1, "1", -1)
	rep.Runs[0].State = report.Broken
	if found := Find(records(rep, "a")); len(found) != 0 {
		t.Errorf("found %+v", found)
	}
}

func TestManyProcessesAddToHistory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "history")
	var adders sync.WaitGroup
	for i := range 20 {
		adders.Go(func() {
			if err := Append(file, day(i+1, "1", 1), "a"); err != nil {
				t.Error(err)
			}
		})
	}
	adders.Wait()
	if all, damaged, err := Read(file); len(all) != 20 || damaged != 0 || err != nil {
		t.Errorf("%d records, %d damaged, %v", len(all), damaged, err)
	}
}

func TestCutLineIsSkipped(t *testing.T) {
	file := filepath.Join(t.TempDir(), "history")
	if err := os.WriteFile(file, []byte(`{"time":"2030-01-01T00:00:00Z","kern`), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Append(file, day(1, "1", 1), "a"); err != nil {
		t.Fatal(err)
	}
	if all, damaged, err := Read(file); len(all) != 1 || damaged != 1 || err != nil {
		t.Errorf("%d records, %d damaged, %v", len(all), damaged, err)
	}
	if _, _, err := Read(file + "-none"); err == nil || !strings.Contains(fmt.Sprint(err), "read the history") {
		t.Errorf("no file: %v", err)
	}
}
