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
	"github.com/kmodtest/kmodtest/images/config"
	"github.com/kmodtest/kmodtest/images/internal/kconfig"
	"github.com/kmodtest/kmodtest/images/internal/kernelbuild"
	"github.com/kmodtest/kmodtest/images/internal/progress"
	"github.com/kmodtest/kmodtest/images/internal/sourcetree"
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
		b := &build{row: row, opt: opt, key: key, entry: tmp, show: progress.New(opt.Progress)}
		b.tree = kernelbuild.Tree{Dir: filepath.Join(tmp, "src"), Arch: row.target, Variables: row.Source.Variables}
		defer b.show.Close()
		return blameDisk(tmp, b.run(ctx))
	})
	if err != nil {
		return nil, fmt.Errorf("build kernel %s: %w", row.Name, err)
	}
	return readKernel(row, entry)
}

// keyName returns a row's name as it can be in a path that make reads.
func (row Row) keyName() string { return strings.ReplaceAll(row.Name, archMark, "-") }

// key returns the name of a row's entry in the cache.
func (row Row) key(ctx context.Context) (string, error) {
	if p := row.provider(); p != nil {
		return row.keyName() + "-" + cache.Digest(slices.Concat([]string{layout, row.Arch}, p.Place(), p.Contents())...)[:16], nil
	}
	s := row.Source
	parts := []string{layout, sourceLayout, row.Arch, s.Suite, s.Package, s.URL, s.SHA256, strings.Join(s.Variables, "\n")}
	asked, err := row.configuration()
	if err != nil {
		return "", err
	}
	parts = append(parts, kernelbuild.Text(asked))
	if s.Path != "" {
		state, err := sourcetree.State(ctx, row.file(s.Path), s.Ref)
		if err != nil {
			return "", err
		}
		parts = append(parts, row.file(s.Path), state)
	}
	return row.keyName() + "-" + cache.Digest(parts...)[:16], nil
}

// configuration returns the lines of the fragments that a row names.
func (row Row) configuration() ([]kconfig.Line, error) {
	set := config.Set{Names: row.Source.Fragments, Arch: row.Arch}
	if row.Table != "" {
		set.Dir = filepath.Dir(row.Table)
	}
	return set.Lines()
}

// build is the build of a kernel in a cache entry.
type build struct {
	row   Row
	opt   Options
	key   string
	entry string           // the directory to fill
	tree  kernelbuild.Tree // in the entry
	show  *progress.Progress
}

func (b *build) run(ctx context.Context) error {
	if err := checkCachePath(b.entry); err != nil {
		return err
	}
	if err := kernelbuild.CheckTools(ctx, b.tree.Arch, b.row.Source.Tools()); err != nil {
		return err
	}
	begin := time.Now()
	from, err := b.unpackSource(ctx)
	if err != nil {
		return err
	}
	b.show.Part(5, 6)(100)
	if b.tree.Log, err = b.openLog(); err != nil {
		return err
	}
	defer func() { _ = b.tree.Log.Close() }() // an error could only truncate the log
	asked, err := b.row.configuration()
	if err != nil {
		return err
	}
	// The user may have built in a directory.
	if err := b.tree.Configure(ctx, asked, b.row.Source.Path != ""); err != nil {
		return err
	}
	if err := b.checkUnchanged(ctx); err != nil {
		return err
	}
	b.show.Line("building kernel %s from %s: this takes some minutes; the log is %s", b.row.Name, from, b.tree.Log.Name())
	objects, err := b.compile(ctx)
	if err != nil {
		return err
	}
	kernel, err := b.tree.Collect(ctx, b.entry)
	if err != nil {
		return err
	}
	if err := b.describe(ctx, kernel, from, objects); err != nil {
		return err
	}
	b.show.Close()
	b.show.Line("kernel %s is Linux %s, from %s (%.0f s, %d objects)", b.row.Name, kernel.Release, from, time.Since(begin).Seconds(), objects)
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

// describe writes the record of what was built.
func (b *build) describe(ctx context.Context, k *kernelbuild.Kernel, from origin, objects int) error {
	compiler, err := b.tree.Compiler(ctx)
	if err != nil {
		return err
	}
	configured, err := os.ReadFile(filepath.Join(b.entry, k.Build, ".config"))
	if err != nil {
		return fmt.Errorf("read configuration of kernel: %w", err)
	}
	return record{
		Release:  k.Release,
		Version:  from.Version,
		Image:    k.Image,
		Boot:     k.Image,
		Build:    k.Build,
		Modules:  k.Modules,
		Key:      cache.Digest(layout, sourceLayout, from.Name, from.Version, from.Sum, string(configured), compiler, strings.Join(b.row.Source.Variables, "\n")),
		Source:   from.Name,
		Objects:  objects,
		Compiler: compiler,
		Table:    b.row.Table,
	}.write(b.entry)
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
