package contract

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	needed = regexp.MustCompile(`\bneeds\(t, "(CONFIG_\w+)"`)
	asked  = regexp.MustCompile(`(?m)^(CONFIG_\w+)=`)
)

// matches returns the matches of pattern's first group in files, a glob pattern.
func matches(t *testing.T, files string, pattern *regexp.Regexp) map[string]bool {
	t.Helper()
	paths, err := filepath.Glob(files)
	if err != nil || len(paths) == 0 {
		t.Fatalf("find %s: %d files, %v", files, len(paths), err)
	}
	out := map[string]bool{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range pattern.FindAllStringSubmatch(string(text), -1) {
			out[m[1]] = true
		}
	}
	return out
}

// Every option that a test requires is requested in the configuration of a kernel
// of the matrix, so at least one kernel runs the test.
func TestSomeKernelRunsEveryTest(t *testing.T) {
	options := matches(t, "../../images/config/*.config", asked)
	needs := matches(t, "../*_test.go", needed)
	if len(needs) == 0 {
		t.Error("found no test of the suite that requires an option")
	}
	for option := range needs {
		if !options[option] {
			t.Errorf("a test of the suite requires %s, but no kernel is built with it", option)
		}
	}
}

// Tests of the suite are skipped only by needs.
func TestOnlyNeedsSkipsTests(t *testing.T) {
	paths, err := filepath.Glob("../*_test.go")
	if err != nil || len(paths) == 0 {
		t.Fatalf("find the suite: %d files, %v", len(paths), err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(path) != "kernel_test.go" && strings.Contains(string(text), ".Skip") {
			t.Errorf("%s skips a test; use needs in kernel_test.go", filepath.Base(path))
		}
	}
}
