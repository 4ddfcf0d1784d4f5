package matrix

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

func TestRunsThatDoNotApplyDoNotStart(t *testing.T) {
	var lines strings.Builder
	rep, err := Run(t.Context(), Options{
		Kernels: []report.Kernel{{Name: "old"}, {Name: "none", Order: 1}}, Packages: []string{"./testdata/steady", "./testdata/moody"}, Viewer: NewLines(&lines),
		Choose: func(kernel, pkg string) Choice {
			return Choice{LeftOut: kernel == "none" || filepath.Base(pkg) == "moody", Excluded: "it is too old"}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Runs) != 1 || rep.Runs[0].State != report.NotApplicable || rep.Runs[0].Title != "it is too old" || rep.Status() != 0 {
		t.Errorf("the report is %+v", rep)
	}
	if len(rep.Packages) != 1 || filepath.Base(rep.Packages[0]) != "steady" {
		t.Errorf("the packages are %q, want steady only", rep.Packages)
	}
}

// inRepository makes a repository with a file, and returns a function that runs git in it.
func inRepository(t *testing.T) (dir string, run func(args ...string) string) {
	t.Helper()
	dir = t.TempDir()
	t.Setenv("GIT_CONFIG_GLOBAL", "/dev/null")
	run = func(args ...string) string {
		out, err := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=n", "-c", "user.email=n@example.org"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	run("init", "-q")
	touch(t, filepath.Join(dir, "old name"), "1\n2\n3\n")
	touch(t, filepath.Join(dir, "same"), "")
	run("add", "-A")
	run("commit", "-q", "-m", "first")
	return dir, run
}

func touch(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestChangedFilesAreFound(t *testing.T) {
	dir, git := inRepository(t)
	git("mv", "old name", "new name")
	touch(t, filepath.Join(dir, "ä"), "")
	touch(t, filepath.Join(dir, ".gitignore"), "ignored\n")
	touch(t, filepath.Join(dir, "ignored"), "")
	got, err := changedFiles(t.Context(), dir, "HEAD")
	slices.Sort(got)
	if want := []string{".gitignore", "new name", "old name", "ä"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	for _, since := range []string{"v9", "--stdin"} {
		if _, err := changedFiles(t.Context(), dir, since); err == nil || !strings.Contains(err.Error(), `there is no commit "`+since+`"`) {
			t.Errorf("since %s: %v", since, err)
		}
	}
}

func TestCommitIsThatOfUnchangedTree(t *testing.T) {
	dir, git := inRepository(t)
	t.Chdir(dir)
	if got := Commit(t.Context()); got != git("rev-parse", "HEAD") {
		t.Errorf("the commit is %q", got)
	}
	touch(t, filepath.Join(dir, "same"), "not the same")
	if got := Commit(t.Context()); got != "" {
		t.Errorf("the commit of a tree with changes is %q", got)
	}
	t.Chdir(t.TempDir())
	if got := Commit(t.Context()); got != "" {
		t.Errorf("the commit outside of a repository is %q", got)
	}
}

func TestInputsAreThoseOfPackagesInMachines(t *testing.T) {
	packages, programs, _, err := Inputs(t.Context(), []string{"./testdata/steady", "./testdata/plain"}, "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	const here = "harness/internal/matrix/testdata/steady"
	if len(packages) != 1 || packages[0].Dir != here || !slices.Contains(packages[0].Deps, "harness") || slices.Contains(packages[0].Deps, "vmtest") {
		t.Errorf("%+v", packages)
	}
	if !slices.Contains(programs, "harness/cmd/kmodtest") || slices.Contains(programs, here) {
		t.Errorf("the programs import %q", programs)
	}
}
