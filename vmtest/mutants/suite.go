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

// A suite is the suite's test binary. It builds the module when it runs, from the
// tree that the binary was built in, so one binary serves all mutants.
type suite struct {
	dir       string // of the package
	cache     string // of the harness
	binary    string
	converter string // test2json
	env       []string
	kept      map[string]bool // relative paths of cache entries that do not depend on a mutant
}

// endPatience is the time that an interrupted run has to end.
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

// Directories of the cache. Every entry of kernels and programs serves all
// mutants; of modules, only the suite's own modules do.
const (
	kernels  = "kernels"
	programs = "programs"
	modules  = "modules"
)

// environment returns the environment for the go commands and the suite. Files
// built from mutants are useless later, so they go to a cache, own, that the
// command removes, and snapshots are off. Kernels stay in the user's cache, and
// so do the files that the go command caches.
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

// keep protects the modules that are in the cache now from forget.
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

// forget removes the cache entries that were built from one mutant.
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

// A part selects the tests of a run, and its options.
type part struct {
	tests     []string // their names; empty means all
	kernel    string   // "" means the one that the environment selects
	keepGoing bool     // after a failed test
	timeout   time.Duration
}

// arguments returns the arguments of the test binary.
func (p part) arguments() []string {
	args := []string{
		"-test.v=test2json", "-test.paniconexit0",
		fmt.Sprintf("-test.failfast=%t", !p.keepGoing), fmt.Sprintf("-test.timeout=%v", p.timeout),
	}
	if len(p.tests) > 0 {
		args = append(args, "-test.run=^("+strings.Join(p.tests, "|")+")$")
	}
	return args
}

// run runs a part of the suite on the current state of the tree.
func (s suite) run(ctx context.Context, p part) (outcome, error) {
	// With paniconexit0, which the go command always sets, the harness stops
	// its machine when its parent process ends.
	cmd := exec.CommandContext(ctx, s.converter, append([]string{s.binary}, p.arguments()...)...)
	cmd.Dir, cmd.Env, cmd.Stderr = s.dir, s.env, os.Stderr
	if p.kernel != "" {
		cmd.Env = append(slices.Clone(s.env), "KMODTEST_KERNEL="+p.kernel)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// The converter ignores SIGINT and ends with the suite, which handles it.
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = endPatience
	events, err := cmd.StdoutPipe()
	if err != nil {
		return outcome{}, fmt.Errorf("run the suite: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return outcome{}, fmt.Errorf("run the suite: %w", err)
	}
	defer func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }() // usually, no process is left
	o, readErr := readOutcome(events)
	err = cmd.Wait()
	var exit *exec.ExitError
	if ctx.Err() != nil || err != nil && !errors.As(err, &exit) {
		return o, errors.Join(ctx.Err(), err)
	}
	o.passed = o.passed && err == nil
	return o, readErr
}
