package harness

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/request"
)

// answerPlan writes to request.PlanFile which tests of m would run, in which order, and
// exits. It lets the testing package run tests of the same names that only record their
// names, so -run, -skip, -shuffle, -count and -cpu have their usual meaning.
func answerPlan(m *testing.M) int {
	out := json.NewEncoder(os.NewFile(request.PlanFile, "plan"))
	names, err := listTests(m)
	if err == nil {
		err = out.Encode(request.PlanHead{Names: names, CoverMode: testing.CoverMode()})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, prefix+"list the tests:", err)
		return 1
	}
	note := func(name string) {
		if e := out.Encode(request.PlanStep{Name: name, Procs: runtime.GOMAXPROCS(0)}); e != nil {
			panic(e) // the exit status shows that the plan is incomplete
		}
	}
	var tests []testing.InternalTest
	var others []testing.InternalExample
	for _, name := range names {
		switch {
		case strings.HasPrefix(name, "Test"):
			tests = append(tests, testing.InternalTest{Name: name, F: func(*testing.T) { note(name) }})
		case !strings.HasPrefix(name, "Benchmark"): // fuzz targets and examples
			others = append(others, testing.InternalExample{Name: name, F: func() { note(name) }})
		}
	}
	match := func(pattern, name string) (bool, error) {
		re, err := regexp.Compile(pattern)
		return err == nil && re.MatchString(name), err
	}
	testing.Main(match, tests, nil, others) // exits
	return 1
}

// listTests returns the names of all tests, benchmarks, fuzz targets and examples of m,
// as -test.list prints them.
func listTests(m *testing.M) ([]string, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	lines := make(chan []string)
	go func() {
		var names []string
		for in := bufio.NewScanner(r); in.Scan(); {
			names = append(names, in.Text())
		}
		_, _ = io.Copy(io.Discard, r) // so that the writer never waits
		lines <- names
	}()
	stdout := os.Stdout
	os.Stdout = w
	err = flag.Set("test.list", ".")
	if err == nil {
		m.Run()
		err = flag.Set("test.list", "")
	}
	os.Stdout = stdout
	w.Close()
	names := <-lines
	return names, err
}
