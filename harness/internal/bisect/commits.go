package bisect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/kmodtest/kmodtest/harness/internal/matrix"
	"github.com/kmodtest/kmodtest/harness/internal/report"
	"github.com/kmodtest/kmodtest/images/cache"
)

// CommitOptions configures a search for a commit.
type CommitOptions struct {
	Options
	Good, Bad string        // revisions; Good is an ancestor of Bad
	Kernel    report.Kernel // on which the test runs
	OwnTests  bool          // use the tests of each commit, not those of the working tree
	With      []string      // further files and directories that are those of the working tree
}

// commits is the space of the commits between two.
type commits struct {
	repository // the user's
	tree       *worktree
	tests      *tests // nil for those of each commit
	rel        string // the package, relative to the repository
	modules    []string
	options    CommitOptions
}

// Commits finds the first commit on which the test fails, between a good commit and a bad
// one. It works in a work tree in the cache; when it returns, that work tree is gone, and
// the user's tree is as it was. An interrupted search returns the error of ctx.
func Commits(ctx context.Context, opt CommitOptions) (result *Result, err error) {
	c, good, bad, err := newCommits(ctx, opt)
	if err != nil {
		return nil, err
	}
	j, err := openJournal(opt.Output, fmt.Sprintf("# test: %s in %s\ngit bisect start '%s' '%s'\n", opt.Test, filepath.ToSlash(c.rel), bad, good))
	if err != nil {
		return nil, err
	}
	dir, err := cache.Dir()
	if err != nil {
		return nil, err
	}
	if c.tree, err = addWorktree(ctx, dir, c.repository, bad); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.tree.remove(ctx)) }()
	s := &search{space: c, Options: opt.Options, good: good, bad: bad, journal: j}
	return s.run(ctx)
}

func newCommits(ctx context.Context, opt CommitOptions) (c *commits, good, bad string, err error) {
	dir, err := filepath.Abs(opt.Package)
	if err != nil {
		return nil, "", "", err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, "", "", fmt.Errorf("find the package: %w", err)
	}
	c = &commits{options: opt}
	if c.repository, err = openRepository(ctx, dir); err != nil {
		return nil, "", "", err
	}
	if c.rel, err = filepath.Rel(string(c.repository), dir); err != nil {
		return nil, "", "", err
	}
	if good, err = c.commit(ctx, opt.Good); err != nil {
		return nil, "", "", err
	}
	if bad, err = c.commit(ctx, opt.Bad); err != nil {
		return nil, "", "", err
	}
	if before, err := c.isAncestor(ctx, good, bad); err != nil || !before || good == bad {
		return nil, "", "", errors.Join(err, fmt.Errorf("commit %q is not in the history of %q: choose an ancestor of it, such as one of git merge-base", opt.Good, opt.Bad))
	}
	c.modules = goModules(string(c.repository), c.rel)
	if !opt.OwnTests {
		if c.tests, err = findTests(ctx, string(c.repository), dir, opt.With); err != nil {
			return nil, "", "", err
		}
	}
	return c, good, bad, nil
}

// goModules returns the directories with a go.mod at or above a directory of the
// repository.
func goModules(top, rel string) []string {
	var modules []string
	for dir := rel; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(top, dir, "go.mod")); err == nil {
			modules = append(modules, dir)
		}
		if dir == "." {
			return modules
		}
	}
}

func (c *commits) candidates(ctx context.Context, good []string, bad string) (candidates, error) {
	return c.repository.candidates(ctx, good, bad)
}

func (c *commits) title(ctx context.Context, id string) (string, error) {
	title, err := c.repository.title(ctx, id)
	return report.CleanLine(title), err
}

// commitError is the reason why the test cannot be started on one commit. Others may be
// different.
type commitError struct{ error }

// prepare puts the sources of a commit and the tests into the work tree.
func (c *commits) prepare(ctx context.Context, id string) error {
	if err := c.tree.checkOut(ctx, id); err != nil {
		return err
	}
	to := string(c.tree.repository)
	if c.tests != nil {
		if err := c.tests.copyTo(to); err != nil {
			return commitError{fmt.Errorf("copy the tests to the work tree: %w", err)}
		}
	}
	for _, module := range c.modules {
		if err := pinReplacements(ctx, string(c.repository), to, module); err != nil {
			return err
		}
	}
	if _, err := os.Stat(filepath.Join(to, c.rel)); err != nil {
		return commitError{fmt.Errorf("there is no package %s", c.rel)}
	}
	return nil
}

// try runs the test with the sources of a commit.
func (c *commits) try(ctx context.Context, id string, log io.Writer) (*report.Report, error) {
	err := c.prepare(ctx, id)
	var here commitError
	if errors.As(err, &here) {
		return untestable(c.options.Kernel, c.rel, here), nil
	}
	if err != nil {
		return nil, err
	}
	return runTest(ctx, filepath.Join(string(c.tree.repository), c.rel), c.options.Kernel, c.options.Options, log)
}

// untestable returns the report of a commit on which the test cannot be started.
func untestable(kernel report.Kernel, rel string, why error) *report.Report {
	return &report.Report{
		Version: report.Version, Kernels: []report.Kernel{kernel}, Packages: []string{rel},
		Runs: []report.Run{{
			Kernel: kernel.Name, Package: rel, State: report.NotApplicable, Title: why.Error(),
			Steps: report.Steps(report.NotApplicable, "kernel", nil), Tests: []report.Test{},
		}},
	}
}

// runTest runs the test of the package in dir on a kernel.
func runTest(ctx context.Context, dir string, kernel report.Kernel, opt Options, log io.Writer) (*report.Report, error) {
	return matrix.Run(ctx, matrix.Options{
		Dir: dir, Packages: []string{"."}, Kernels: []report.Kernel{kernel}, Machines: 1,
		Args:   append([]string{"-test.run=" + opt.Test}, opt.Args...),
		Viewer: matrix.NewLines(log),
	})
}
