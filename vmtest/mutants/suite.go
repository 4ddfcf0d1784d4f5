// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kmodtest/kmodtest/images/cache"
)

// A suite is the suite's test binary. It takes the module from the tree that it
// was built from, as that is when it runs, so one binary does for all mutants.
type suite struct {
	dir       string // of the package
	cache     string // of what the harness builds
	binary    string
	converter string // test2json
	env       []string
	kept      map[string]bool // modules that were built from no mutant
}

// endPatience is how long a run has to end when it is interrupted.
const endPatience = 30 * time.Second

// buildSuite builds the suite of the tree at root into directory tmp.
func buildSuite(ctx context.Context, root, tmp string) (suite, error) {
	s := suite{
		dir:    filepath.Join(root, "vmtest"),
		cache:  filepath.Join(tmp, "cache", "kmodtest"),
		binary: filepath.Join(tmp, "vmtest.test"),
	}
	var err error
	if s.env, err = environment(ctx, s.cache); err != nil {
		return s, err
	}
	if s.converter, err = goOutput(ctx, s.env, root, "tool", "-n", "test2json"); err != nil {
		return s, fmt.Errorf("find test2json: %w", err)
	}
	if _, err = goOutput(ctx, s.env, s.dir, "test", "-c", "-o", s.binary, "."); err != nil {
		return s, fmt.Errorf("build the suite: %w", err)
	}
	return s, nil
}

// kernels and programs are what the cache holds that serves every mutant; of
// modules, those that the suite brings itself do.
const (
	kernels  = "kernels"
	programs = "programs"
	modules  = "modules"
)

// environment is that of the go commands and of the suite. What is built from
// mutants is of no use to anyone later, so it goes to a cache that ends with the
// command, and no machine leaves a snapshot. Kernels stay in the user's cache,
// and so does what the go command caches.
func environment(ctx context.Context, own string) ([]string, error) {
	goCache, err := goOutput(ctx, os.Environ(), "", "env", "GOCACHE")
	if err != nil {
		return nil, fmt.Errorf("find the go command's cache: %w", err)
	}
	users, err := cache.Dir()
	if err != nil {
		return nil, err
	}
	for _, dir := range []string{filepath.Join(users, kernels), own} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("make cache directory: %w", err)
		}
	}
	if err := os.Symlink(filepath.Join(users, kernels), filepath.Join(own, kernels)); err != nil {
		return nil, fmt.Errorf("link to the kernels in the cache: %w", err)
	}
	return append(os.Environ(), "XDG_CACHE_HOME="+filepath.Dir(own), "GOCACHE="+goCache, "KMODTEST_SNAPSHOT=off"), nil
}

// keep makes the modules that are there now stay.
func (s *suite) keep() error {
	entries, err := os.ReadDir(filepath.Join(s.cache, modules))
	if err != nil {
		return fmt.Errorf("list modules in the cache: %w", err)
	}
	if s.kept == nil {
		s.kept = map[string]bool{kernels: true, programs: true, modules: true}
	}
	for _, entry := range entries {
		s.kept[filepath.Join(modules, entry.Name())] = true
	}
	return nil
}

// forget removes what was built from one mutant.
func (s *suite) forget() error {
	for _, dir := range []string{"", modules} {
		entries, err := os.ReadDir(filepath.Join(s.cache, dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("empty cache: %w", err)
		}
		for _, entry := range entries {
			if path := filepath.Join(dir, entry.Name()); !s.kept[path] {
				err = errors.Join(err, os.RemoveAll(filepath.Join(s.cache, path)))
			}
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("empty cache: %w", err)
		}
	}
	return nil
}

func goOutput(ctx context.Context, env []string, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env, cmd.Dir = env, dir
	out, err := cmd.Output()
	if err != nil {
		return "", withStderr(err)
	}
	return strings.TrimSpace(string(out)), nil
}

// A part is what of the suite is run, and how.
type part struct {
	tests   []string // their names; none means all
	kernel  string   // "" is that of the environment
	goOn    bool     // after a test that fails
	timeout time.Duration
}

// arguments are those of the test binary.
func (p part) arguments() []string {
	args := []string{
		"-test.v=test2json", "-test.paniconexit0",
		fmt.Sprintf("-test.failfast=%t", !p.goOn), fmt.Sprintf("-test.timeout=%v", p.timeout),
	}
	if len(p.tests) > 0 {
		args = append(args, "-test.run=^("+strings.Join(p.tests, "|")+")$")
	}
	return args
}

// run runs a part of the suite on the tree as it is now.
func (s suite) run(ctx context.Context, p part) (outcome, error) {
	// With paniconexit0, which the go command always sets, the harness ends
	// its machine when the process that started it ends.
	cmd := exec.CommandContext(ctx, s.converter, append([]string{s.binary}, p.arguments()...)...)
	cmd.Dir, cmd.Env, cmd.Stderr = s.dir, s.env, os.Stderr
	if p.kernel != "" {
		cmd.Env = append(slices.Clone(s.env), "KMODTEST_KERNEL="+p.kernel)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// The converter ignores an interrupt, and ends with the suite, which does
	// not.
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = endPatience
	events, err := cmd.StdoutPipe()
	if err != nil {
		return outcome{}, fmt.Errorf("run the suite: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return outcome{}, fmt.Errorf("run the suite: %w", err)
	}
	defer func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }() // no process is left, usually
	o, readErr := readOutcome(events)
	err = cmd.Wait()
	var exit *exec.ExitError
	if ctx.Err() != nil || err != nil && !errors.As(err, &exit) {
		return o, errors.Join(ctx.Err(), err)
	}
	o.passed = o.passed && err == nil
	return o, readErr
}
