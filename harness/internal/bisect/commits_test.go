package bisect

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// place is a repository of a test.
type place struct {
	*testing.T
	dir string
	n   int // of commits
}

func newPlace(t *testing.T) *place {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("GIT_CONFIG_GLOBAL", "/dev/null")
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &place{T: t, dir: dir}
	p.git("init", "-q", "-b", "main")
	return p
}

func (p *place) git(args ...string) string {
	p.Helper()
	cmd := exec.Command("git", append([]string{"-C", p.dir, "-c", "user.name=n", "-c", "user.email=n@example.org"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (p *place) write(files map[string]string) {
	p.Helper()
	for name, text := range files {
		path := filepath.Join(p.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			p.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			p.Fatal(err)
		}
	}
}

// commit commits the working tree with these changes.
func (p *place) commit(files map[string]string) string {
	p.Helper()
	p.write(files)
	p.n++
	p.git("add", "-A")
	p.git("commit", "-q", "--allow-empty", "-m", fmt.Sprintf("change %d", p.n))
	return p.git("rev-parse", "HEAD")
}

// contents returns the files below a directory, except git's own.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.Name() == ".git" {
			if entry != nil && entry.IsDir() && err == nil {
				return filepath.SkipDir
			}
			return err
		}
		if entry.IsDir() {
			return nil
		}
		text, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		all[rel] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestTestsAreThoseOfWorkingTreeAndSourcesThoseOfCommit(t *testing.T) {
	p := newPlace(t)
	old := p.commit(map[string]string{
		"go.mod": "module example.org/m\n\ngo 1.26\n", "kmod/m.c": "old", "vmtest/m_test.go": "package m // old", "vmtest/gone_test.go": "package m",
		"vmtest/testdata/old": "", "lib/lib.go": "package lib // old", "other/other.go": "package other // old", "tool/tool.txt": "old",
	})
	p.git("rm", "-q", "vmtest/gone_test.go", "vmtest/testdata/old")
	p.commit(map[string]string{"kmod/m.c": "new", "other/other.go": "package other // new"})
	p.write(map[string]string{ // not committed
		"vmtest/m_test.go": "package m\n\nimport _ \"example.org/m/lib\"\n", "vmtest/testdata/new": "1", "lib/lib.go": "package lib // new", "tool/tool.txt": "new",
		"go.mod": "module example.org/m\n\ngo 1.26\n\nreplace (\n\texample.org/x => ../x\n\texample.org/y => ./y\n)\n",
	})
	before := p.git("status", "--porcelain", "--ignored")
	c, good, _, err := newCommits(t.Context(), CommitOptions{
		Options: Options{Package: filepath.Join(p.dir, "vmtest")}, Good: old, Bad: "HEAD", With: []string{filepath.Join(p.dir, "tool")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.tree, err = addWorktree(t.Context(), t.TempDir(), c.repository, "HEAD"); err != nil {
		t.Fatal(err)
	}
	if err := c.prepare(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"kmod/m.c": "old", "other/other.go": "package other // old", "tool/tool.txt": "new", "lib/lib.go": "package lib // new",
		"vmtest/m_test.go": "package m\n\nimport _ \"example.org/m/lib\"\n", "vmtest/testdata/new": "1",
		"go.mod": "module example.org/m\n\ngo 1.26\n\nreplace (\n\texample.org/x => " + filepath.Dir(p.dir) + "/x\n\texample.org/y => ./y\n)\n",
	}
	if diff := cmp.Diff(want, contents(t, string(c.tree.repository))); diff != "" {
		t.Error(diff)
	}
	if err := c.tree.remove(t.Context()); err != nil {
		t.Error(err)
	}
	if after := p.git("status", "--porcelain", "--ignored"); after != before {
		t.Errorf("the status of the user's tree was\n%s\nand is\n%s", before, after)
	}
	if list := p.git("worktree", "list"); strings.Contains(list, "\n") {
		t.Errorf("work trees are left: %s", list)
	}
}

// A commit can have a symbolic link where the tests are.
func TestNothingIsWrittenOutsideOfWorkTree(t *testing.T) {
	p := newPlace(t)
	outside := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(p.dir, "vmtest")); err != nil {
		t.Fatal(err)
	}
	old := p.commit(map[string]string{"go.mod": "module example.org/m\n\ngo 1.26\n"})
	p.git("rm", "-q", "vmtest")
	p.commit(map[string]string{"vmtest/m_test.go": "package m"})
	c, good, _, err := newCommits(t.Context(), CommitOptions{Options: Options{Package: filepath.Join(p.dir, "vmtest")}, Good: old, Bad: "HEAD"})
	if err != nil {
		t.Fatal(err)
	}
	if c.tree, err = addWorktree(t.Context(), t.TempDir(), c.repository, "HEAD"); err != nil {
		t.Fatal(err)
	}
	var here commitError
	if err := c.prepare(t.Context(), good); !errors.As(err, &here) {
		t.Errorf("%v: the tests were copied through a symbolic link", err)
	}
	if got := contents(t, outside); len(got) > 0 {
		t.Errorf("outside are now %v", got)
	}
	if err := c.tree.remove(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestLeftWorkTreeIsReplaced(t *testing.T) {
	p := newPlace(t)
	first := p.commit(map[string]string{"a": "1"})
	second := p.commit(map[string]string{"a": "2"})
	cacheDir := t.TempDir()
	for _, damage := range []func(dir string) error{
		func(string) error { return nil },
		os.RemoveAll,
		func(dir string) error { return os.WriteFile(filepath.Join(dir, ".git"), nil, 0o644) },
	} {
		left, err := addWorktree(t.Context(), cacheDir, repository(p.dir), first)
		if err != nil {
			t.Fatal(err)
		}
		left.unlock() // as if the process had died
		if err := damage(string(left.repository)); err != nil {
			t.Fatal(err)
		}
		w, err := addWorktree(t.Context(), cacheDir, repository(p.dir), second)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(filepath.Join(string(w.repository), "a")); string(text) != "2" {
			t.Errorf("a is %q, %v", text, err)
		}
		if err := w.remove(t.Context()); err != nil {
			t.Error(err)
		}
		if list := p.git("worktree", "list"); strings.Contains(list, "\n") {
			t.Errorf("work trees are left: %s", list)
		}
	}
}

func TestMergesAreSearched(t *testing.T) {
	p := newPlace(t)
	start := p.commit(nil)
	var side []string
	p.git("checkout", "-q", "-b", "side")
	for range 8 {
		side = append(side, p.commit(nil))
	}
	p.git("checkout", "-q", "main")
	for range 8 {
		p.commit(nil)
	}
	p.git("merge", "-q", "-m", "merge", "side")
	end := p.commit(nil)
	for _, first := range append(side, end) {
		bad := strings.Fields(p.git("rev-list", first+"^!", "--ancestry-path", first+".."+end))
		bad = append(bad, first)
		known, last, tests := []string{start}, end, 0
		for {
			c, err := repository(p.dir).candidates(t.Context(), known, last)
			if err != nil {
				t.Fatal(err)
			}
			id, ok := c.next(nil)
			if !ok {
				break
			}
			tests++
			if tests > 7 {
				t.Fatalf("first bad %s: %d tests and no end", first, tests)
			}
			if slices.Contains(bad, id) {
				last = id
			} else {
				known = append(known, id)
			}
		}
		if last != first {
			t.Errorf("found %s, want %s", last, first)
		}
	}
}

func TestEndsThatCannotBeSearchedAreExplained(t *testing.T) {
	p := newPlace(t)
	p.commit(map[string]string{"go.mod": "module example.org/m\n\ngo 1.26\n", "vmtest/m_test.go": "package m"})
	p.git("checkout", "-q", "-b", "side")
	p.commit(nil)
	p.git("checkout", "-q", "main")
	p.commit(nil)
	for _, c := range []struct{ good, bad, dir, want string }{
		{"v9", "HEAD", "vmtest", `there is no commit "v9" in ` + p.dir},
		{"HEAD", "--all", "vmtest", `there is no commit "--all"`},
		{"HEAD", "HEAD", "vmtest", `commit "HEAD" is not in the history of "HEAD"`},
		{"side", "HEAD", "vmtest", `commit "side" is not in the history of "HEAD"`},
		{"HEAD^", "HEAD", "no/such", "find the package"},
	} {
		_, err := Commits(t.Context(), CommitOptions{
			Options: Options{Package: filepath.Join(p.dir, c.dir), Output: t.TempDir(), Out: io.Discard}, Good: c.good, Bad: c.bad, Kernel: report.Kernel{Name: "6.1"},
		})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s..%s: got %v, want %q", c.good, c.bad, err, c.want)
		}
	}
}
