package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

func TestSetHasKernelsOfFile(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	text := "[matrix.sets.pr]\nkernels = ['6.1', '5.10']\n\n[matrix.sets.odd]\nkernels = ['2.4']\n"
	if err := os.WriteFile(filepath.Join(dir, "kmodtest.toml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, status := run(t, "matrix", "--list", "--set", "pr")
	if !strings.HasPrefix(stdout, `[{"name":"5.10",`) || !strings.Contains(stdout, `{"name":"6.1",`) || strings.Count(stdout, "name") != 2 || status != 0 {
		t.Errorf("got %q, on stderr %q, exit status %d; want the kernels of the set", stdout, stderr, status)
	}
	for _, test := range []struct{ args, want string }{
		{"matrix --set night", `there is no set "night" in [matrix.sets]; there are: odd, pr`},
		{"matrix --set odd", `there is no kernel "2.4"`},
		{"matrix --set pr -k 6.1", "[set kernels]"},
	} {
		if _, stderr, status := run(t, strings.Fields(test.args)...); status == 0 || !strings.Contains(stderr, test.want) {
			t.Errorf("kmodtest %s: on stderr %q, exit status %d; want %q", test.args, stderr, status, test.want)
		}
	}
}

func TestNothingRunsAgainIfNothingFailed(t *testing.T) {
	dir := t.TempDir()
	writePart(t, dir, "6.1", 1, report.Passed)
	_, stderr, status := run(t, "matrix", "--rerun-failed", filepath.Join(dir, "6.1", report.JSONFile))
	if status != report.StatusBroken || !strings.Contains(stderr, "nothing failed in ") {
		t.Errorf("on stderr %q, exit status %d", stderr, status)
	}
}

func TestSearchThatCannotStartIsExplained(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"bisect TestIt", "[good kernels]"},
		{"bisect --good HEAD", "0 arguments; want TEST"},
		{"bisect --good HEAD TestIt . more", "3 arguments"},
		{"bisect --good HEAD TestIt ./no/such", "package ./no/such is not a directory"},
		{"bisect --good HEAD --tests=old TestIt", `--tests is "old"`},
		{"bisect --good HEAD -k 6.* TestIt", "name one"},
		{"bisect --good HEAD -k 2.4 TestIt", `there is no kernel "2.4"`},
		{"bisect --good HEAD --kernels 6.1,6.12 TestIt", "[kernels good]"},
		{"bisect --kernels 6.1 TestIt", "at least two kernels"},
		{"bisect --kernels 6.1,6.12,6.1 TestIt", "twice"},
	} {
		_, stderr, status := run(t, append(strings.Fields(test.args), "-o", t.TempDir())...)
		if status == 0 || !strings.Contains(stderr, test.want) {
			t.Errorf("kmodtest %s: on stderr %q, exit status %d; want %q", test.args, stderr, status, test.want)
		}
	}
}
