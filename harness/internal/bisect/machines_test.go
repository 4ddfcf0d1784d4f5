//go:build machines

package bisect

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// tinyModule returns a module whose parameter has the given value, in C, and whose
// sources differ for each revision.
func tinyModule(revision int, answer, more string) map[string]string {
	return map[string]string{"kmod/tiny.c": fmt.Sprintf(`// SPDX-License-Identifier: GPL-2.0-only
#include <linux/module.h>
#include <linux/version.h>
/* revision %d */
static int answer = %s;
module_param(answer, int, 0444);
%s
MODULE_DESCRIPTION("a module with an answer");
MODULE_LICENSE("GPL");
`, revision, answer, more)}
}

const tinyTest = `package tiny

import (
	"os"
	"testing"

	"github.com/kmodtest/kmodtest/harness"
)

func TestMain(m *testing.M) { harness.Main(m, harness.Config{Modules: []string{"../kmod"}}) }

func TestAnswer(t *testing.T) {
	if got, err := os.ReadFile("/sys/module/tiny/parameters/answer"); err != nil || string(got) != "42\n" {
		t.Errorf("the answer is %q, %v; want 42", got, err)
	}
}
`

// newTiny makes the repository of a Go module that requires this project. It uses the
// user's cache of kernels.
func newTiny(t *testing.T) *place {
	t.Helper()
	cacheHome, ok := os.LookupEnv("XDG_CACHE_HOME")
	p := newPlace(t)
	if !ok {
		home, err := os.UserHomeDir()
		if err != nil {
			t.Fatal(err)
		}
		cacheHome = filepath.Join(home, ".cache")
	}
	t.Setenv("XDG_CACHE_HOME", cacheHome)
	project, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(project, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile(filepath.Join(project, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	_, requirements, _ := strings.Cut(string(mod), "\n")
	p.write(map[string]string{
		"go.mod": "module example.org/tiny\n" + requirements + "\nrequire github.com/kmodtest/kmodtest v0.0.0\n\nreplace github.com/kmodtest/kmodtest => " + project + "\n",
		"go.sum": string(sum), "kmod/Kbuild": "obj-m := tiny.o\n", "vmtest/doc.go": "package tiny\n",
	})
	return p
}

// options returns options for the test of the repository, and the output of the search.
func (p *place) options() (Options, *strings.Builder) {
	var out strings.Builder
	return Options{Package: filepath.Join(p.dir, "vmtest"), Test: "TestAnswer", Output: filepath.Join(p.TempDir(), "out"), Out: &out}, &out
}

// One of 64 commits has the mistake. Its test is newer than all of them. Some commits
// around the middle do not build.
func TestMistakeIsFoundAmong64Commits(t *testing.T) {
	p := newTiny(t)
	var ids []string
	for i := range 64 {
		answer, more := "42", ""
		if i >= 37 {
			answer = "43"
		}
		ids = append(ids, p.commit(tinyModule(i, answer, more)))
	}
	p.write(map[string]string{"vmtest/tiny_test.go": tinyTest})
	before := p.git("status", "--porcelain")
	opt, out := p.options()
	result, err := Commits(t.Context(), CommitOptions{Options: opt, Good: ids[0], Bad: "HEAD", Kernel: report.Kernel{Name: "6.1"}})
	t.Log(out)
	if err != nil {
		t.Fatal(err)
	}
	if result.First != ids[37] || result.Runs > 7 || !strings.HasSuffix(result.Titles[result.First], " change 38") {
		t.Errorf("found %s (%q) in %d runs, want %s in at most 7", result.First, result.Titles[result.First], result.Runs, ids[37])
	}
	if page, err := os.ReadFile(result.Report); err != nil || !strings.Contains(string(page), "the answer is") {
		t.Errorf("the report of the first bad commit does not have the test's message: %v", err)
	}
	if after := p.git("status", "--porcelain"); after != before || strings.Contains(p.git("worktree", "list"), "\n") {
		t.Errorf("the user's tree has changed from %q to %q, or a work tree is left", before, after)
	}
	log, err := os.ReadFile(filepath.Join(opt.Output, logName))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(log), "git bisect bad "+ids[37]+"\n") || !strings.Contains(string(log), "git bisect good "+ids[36]+"\n") {
		t.Errorf("the log is\n%s", log)
	}
}

func TestCommitsThatDoNotBuildAreSkipped(t *testing.T) {
	p := newTiny(t)
	var ids []string
	for i := range 9 {
		answer, more := "42", ""
		if i >= 6 {
			answer = "43"
		}
		if i >= 3 && i <= 5 {
			more = "#error not now"
		}
		ids = append(ids, p.commit(tinyModule(i, answer, more)))
	}
	p.write(map[string]string{"vmtest/tiny_test.go": tinyTest})
	opt, out := p.options()
	result, err := Commits(t.Context(), CommitOptions{Options: opt, Good: ids[0], Bad: "HEAD", Kernel: report.Kernel{Name: "6.1"}})
	t.Log(out)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(result.Suspects, " "), strings.Join(ids[3:7], " "); result.First != "" || got != want {
		t.Errorf("found %q or one of %q, want one of %q", result.First, got, want)
	}
}

// An interrupt in a step leaves no work tree.
func TestInterruptedSearchLeavesNothing(t *testing.T) {
	p := newTiny(t)
	first := p.commit(tinyModule(0, "42", ""))
	p.commit(tinyModule(1, "43", ""))
	p.write(map[string]string{"vmtest/tiny_test.go": tinyTest})
	ctx, interrupt := context.WithCancel(t.Context())
	opt, _ := p.options()
	opt.Out = writerFunc(func([]byte) { interrupt() }) // it prints before the first step
	_, err := Commits(ctx, CommitOptions{Options: opt, Good: first, Bad: "HEAD", Kernel: report.Kernel{Name: "6.1"}})
	if err == nil || ctx.Err() == nil {
		t.Errorf("got error %v", err)
	}
	if list := p.git("worktree", "list"); strings.Contains(list, "\n") {
		t.Errorf("work trees are left: %s", list)
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(text []byte) (int, error) {
	f(text)
	return len(text), nil
}

var _ io.Writer = writerFunc(nil)

func TestFirstBadKernelIsFound(t *testing.T) {
	p := newTiny(t)
	p.commit(tinyModule(0, "LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0) ? 42 : 43", ""))
	p.write(map[string]string{"vmtest/tiny_test.go": tinyTest})
	opt, out := p.options()
	result, err := Kernels(t.Context(), []report.Kernel{{Name: "5.10"}, {Name: "6.1"}, {Name: "6.12"}}, opt)
	t.Log(out)
	if err != nil {
		t.Fatal(err)
	}
	if result.First != "6.12" || result.Runs != 2 || !strings.HasPrefix(result.Titles["6.12"], "6.12 (6.12.") {
		t.Errorf("found %q (%q) in %d runs, want 6.12 with its release in 2", result.First, result.Titles["6.12"], result.Runs)
	}
}
