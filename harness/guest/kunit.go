package guest

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/modprobe"
)

// KUnit loads a module with KUnit suites, which the kernel runs while it loads the module,
// and makes each suite a subtest of t and each case a subtest of that, as KTAP does. The log
// of a case is in its subtest. Cleanup unloads the module. A case that breaks the kernel
// fails t with the fault.
//
// The module must not be loaded: Config.Builds has a list of those that are. The kernel needs
// CONFIG_KUNIT and, depending on its configuration, kunit.enable=1 and kunit.autorun=1 in
// Config.KernelArgs. If -run selects subtests of t by words, as in -run 'TestSuites/^list$/^add$',
// only these cases run on kernels that have a parameter filter_glob of KUnit that can be
// written; otherwise all of them run, and -run selects those that are reported.
func KUnit(t *testing.T, module string) {
	t.Helper()
	require(t)
	loaded, err := modprobe.Loaded(module)
	if err != nil {
		t.Fatalf("KUnit: %v", err)
	}
	if loaded {
		t.Fatalf("KUnit: module %s is loaded, so its suites have run; leave it out of Load in harness.Config.Builds", module)
	}
	glob := kunitGlob(t.Name())
	filtered := glob != "" && setKUnitFilter(t, glob)
	log := WatchKernelLog(t)
	LoadModule(t, module)
	var text strings.Builder
	for _, r := range log.Records() {
		if r.Facility == 0 {
			text.WriteString(r.Text + "\n")
		}
	}
	if !strings.Contains(text.String(), "TAP version") {
		none := "the kernel ran no suite of module " + module
		if filtered {
			none += ", or -run selects none of its cases"
		}
		t.Fatalf("KUnit: %s: add kunit.enable=1 and kunit.autorun=1 to harness.Config.KernelArgs", none)
	}
	KTAP(t, strings.NewReader(text.String()))
}

// kunitFilter is the parameter that selects suites and cases: "suite.case", with wildcards.
const kunitFilter = "/sys/module/kunit/parameters/filter_glob"

// setKUnitFilter sets the filter until the end of the test. It returns false if the kernel has
// none that can be changed.
func setKUnitFilter(t *testing.T, glob string) bool {
	t.Helper()
	before, err := os.ReadFile(kunitFilter)
	if err == nil {
		err = os.WriteFile(kunitFilter, []byte(glob), 0)
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return false
	}
	if err != nil {
		t.Fatalf("KUnit: select cases: %v", err)
	}
	old := strings.TrimSpace(string(before))
	if old == "" || old == "(null)" {
		old = "*"
	}
	t.Cleanup(func() {
		t.Helper()
		if err := os.WriteFile(kunitFilter, []byte(old), 0); err != nil {
			t.Errorf("KUnit: select all cases again: %v", err)
		}
	})
	return true
}

// kunitGlob returns the filter for the subtests of a test that -run selects; "" if it selects
// all of them, or by more than words.
func kunitGlob(test string) string {
	run := flag.Lookup("test.run")
	if run == nil {
		return ""
	}
	return globOf(run.Value.String(), strings.Count(test, "/")+1)
}

// wordPattern matches a pattern of -run that a wildcard can express.
var wordPattern = regexp.MustCompile(`^(\^?)(\w+)(\$?)$`)

// globOf returns the filter for the part of a pattern of -run from depth on.
func globOf(run string, depth int) string {
	if strings.Contains(run, "|") {
		return ""
	}
	parts := strings.Split(run, "/")
	if len(parts) <= depth {
		return ""
	}
	globs := []string{"*", "*"} // of the suite and the case
	for i, part := range parts[depth:min(len(parts), depth+len(globs))] {
		m := wordPattern.FindStringSubmatch(part)
		if m == nil {
			return ""
		}
		globs[i] = m[2]
		if m[1] == "" {
			globs[i] = "*" + globs[i]
		}
		if m[3] == "" {
			globs[i] += "*"
		}
	}
	return strings.Join(globs, ".")
}
