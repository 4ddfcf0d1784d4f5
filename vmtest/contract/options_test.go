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

// matches are what a pattern's first group matches in files.
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

// A test that is skipped on some kernels runs on one of those that are built
// here, whose options are all asked for.
func TestSomeKernelRunsEveryTest(t *testing.T) {
	options := matches(t, "../../images/config/*.config", asked)
	needs := matches(t, "../*_test.go", needed)
	if len(needs) == 0 {
		t.Error("no test of the suite was found that needs an option")
	}
	for option := range needs {
		if !options[option] {
			t.Errorf("a test of the suite needs %s, which no kernel is built with", option)
		}
	}
}

// No test of the suite is skipped but by needs.
func TestNothingElseIsSkipped(t *testing.T) {
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
			t.Errorf("%s skips tests; that is what needs in kernel_test.go is for", filepath.Base(path))
		}
	}
}
