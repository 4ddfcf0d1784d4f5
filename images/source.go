package images

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kmodtest/kmodtest/images/cache"
	"github.com/kmodtest/kmodtest/images/internal/progress"
)

// sourceLayout is like layout, but only for kernels that are built from source.
const sourceLayout = "1"

// resolveSource returns a row's kernel from the cache. If it is not there, it is built from source
// first. A cached kernel stays the same unless its row, its fragments or the sources at its path
// change.
func resolveSource(ctx context.Context, row Row, opt Options) (*Kernel, error) {
	key, err := row.key(ctx)
	if err != nil {
		return nil, fmt.Errorf("build kernel %s: %w", row.Name, err)
	}
	entry, err := cache.Entry(ctx, filepath.Join(opt.Cache, "kernels"), key, func(ctx context.Context, tmp string) error {
		b := &build{row: row, opt: opt, key: key, entry: tmp, tree: filepath.Join(tmp, "src"), show: progress.New(opt.Progress)}
		defer b.show.Close()
		return blameDisk(tmp, b.run(ctx))
	})
	if err != nil {
		return nil, fmt.Errorf("build kernel %s: %w", row.Name, err)
	}
	return readKernel(row.Name, entry)
}

// key returns the name of a row's entry in the cache.
func (row Row) key(ctx context.Context) (string, error) {
	if p := row.provider(); p != nil {
		return row.Name + "-" + digest(slices.Concat([]string{layout, row.Arch}, p.place(), p.kernel())...)[:16], nil
	}
	s := row.Source
	parts := []string{layout, sourceLayout, row.Arch, s.Suite, s.Package, s.URL, s.SHA256, strings.Join(s.Variables, "\n")}
	asked, err := row.configuration()
	if err != nil {
		return "", err
	}
	parts = append(parts, configText(asked))
	if s.Path != "" {
		state, err := row.treeState(ctx)
		if err != nil {
			return "", err
		}
		parts = append(parts, row.sourcePath(), state)
	}
	return row.Name + "-" + digest(parts...)[:16], nil
}

// build is the build of a kernel in a cache entry.
type build struct {
	row   Row
	opt   Options
	key   string
	entry string // the directory to fill
	tree  string // where the sources are unpacked and built, in the entry
	show  *progress.Progress
}

func (b *build) run(ctx context.Context) error {
	if err := checkCachePath(b.entry); err != nil {
		return err
	}
	if err := checkBuildTools(ctx, b.row.Source); err != nil {
		return err
	}
	begin := time.Now()
	from, err := b.unpackSource(ctx)
	if err != nil {
		return err
	}
	log, err := b.openLog()
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // an error could only truncate the log
	runner := &makeRun{dir: b.tree, variables: b.row.Source.Variables, log: log}
	if err := b.configure(ctx, runner); err != nil {
		return err
	}
	if err := b.checkUnchanged(ctx); err != nil {
		return err
	}
	b.show.Line("building kernel %s from %s: this takes some minutes; the log is %s", b.row.Name, from, log.Name())
	objects, err := b.compile(ctx, runner)
	if err != nil {
		return err
	}
	r, err := b.collect(ctx, runner)
	if err != nil {
		return err
	}
	if err := b.describe(ctx, r, from, objects); err != nil {
		return err
	}
	b.show.Close()
	b.show.Line("kernel %s is Linux %s, from %s (%.0f s, %d objects)", b.row.Name, r.Release, from, time.Since(begin).Seconds(), objects)
	return nil
}

// checkUnchanged checks that fragments, and sources at a path, have not changed since the entry's key
// was computed.
func (b *build) checkUnchanged(ctx context.Context) error {
	now, err := b.row.key(ctx)
	if err != nil {
		return err
	}
	if now != b.key {
		return errors.New("its sources or config fragments changed during the build: build it again")
	}
	return nil
}

// describe completes the record of what was built, and writes it.
func (b *build) describe(ctx context.Context, r *record, from origin, objects int) error {
	compiler, err := compilerVersion(ctx)
	if err != nil {
		return err
	}
	config, err := os.ReadFile(filepath.Join(b.entry, r.Build, ".config"))
	if err != nil {
		return fmt.Errorf("read configuration of kernel: %w", err)
	}
	r.Version, r.Source, r.Objects, r.Table = from.Version, from.Name, objects, b.row.Table
	r.Compiler = compiler
	r.Key = digest(layout, sourceLayout, from.Name, from.Version, from.Sum, string(config), compiler, strings.Join(b.row.Source.Variables, "\n"))
	return r.write(b.entry)
}

// logPath returns the path of the log of a row's last build. It is outside the entry, so it exists even
// if the build failed.
func logPath(opt Options, key string) string { return filepath.Join(opt.Cache, "builds", key+".log") }

func (b *build) openLog() (*os.File, error) {
	path := logPath(b.opt, b.key)
	if err := cache.MakeDir(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("make directory for build logs: %w", err)
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("make build log: %w", err)
	}
	return file, nil
}

// origin identifies the sources that a kernel was built from.
type origin struct {
	Name    string `json:"name"`    // a package, an address or a path
	Version string `json:"version"` // of the package, a commit, or ""
	Sum     string `json:"sum"`     // of the contents, or the fingerprint of a directory
}

func (o origin) String() string { return strings.TrimSpace(o.Name + " " + o.Version) }

// errNoModules is the error for a configuration without loadable modules.
var errNoModules = errors.New("the configuration has no loadable modules, which tests require: add CONFIG_MODULES=y to a fragment")
