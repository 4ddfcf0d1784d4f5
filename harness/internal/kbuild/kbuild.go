// Package kbuild builds out-of-tree kernel modules against a kernel. It builds in
// a copy and does not change the user's tree. The copy and its objects are kept, so that
// the next build compiles what has changed.
package kbuild

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/kmodtest/kmodtest/harness/internal/copytree"
	"github.com/kmodtest/kmodtest/harness/internal/kcompiler"
	"github.com/kmodtest/kmodtest/harness/internal/modfail"
	"github.com/kmodtest/kmodtest/images"
	"github.com/kmodtest/kmodtest/images/cache"
	"github.com/kmodtest/kmodtest/images/plainpath"
)

// Result is the result of a build.
type Result struct {
	Modules []Module  // all that were built, in loading order
	Load    []Loading // those to load before the tests, in this order
	Key     string    // changes with any of the built modules
	Built   bool      // by this call, not found in the cache
	Output  string    // of the build if it printed warnings and Built is true; else ""
	Outside []string  // files that the build read outside of Source.Root, the kernel and the compiler
	Tools   string    // if Built is true, which tools built it, as the end of a line; "" for those of this system
	Notes   *Notes    // of a build with Source.Coverage, else nil
	symbols string    // path of the list of exported symbols; "" if there are none
}

const (
	logName     = "build.log"
	symbolsName = "Module.symvers" // the name that the kernel's build system uses
	// guestDir, in a cache entry, holds the modules without debug information,
	// which is most of their size and of no use to the guest.
	guestDir = "guest"
	// debugFlag is for kernels that are configured without debug information:
	// addresses in the modules under test must resolve to source lines anyway.
	debugFlag = "-g"
	// version of the layout of trees and entries. It must change with them.
	version = "1"
)

// Build builds modules against a kernel, or finds them in the cache at cacheDir if none
// of the files that an earlier build has read has changed. The modules may use symbols
// that the modules of others export, which must have been built before. If Root is a .ko
// file, it is taken as it is. If the sources do not build, the error is a *CompileError.
// Build may be called from several goroutines and processes at once.
func Build(ctx context.Context, cacheDir string, kernel *images.Kernel, src Source, others []*Result) (*Result, error) {
	r := &Result{}
	var entry string
	var err error
	if filepath.Ext(src.Root) == ".ko" && isFile(src.Root) {
		entry, err = r.take(ctx, cacheDir, kernel, src.Root)
	} else {
		entry, err = r.build(ctx, cacheDir, kernel, src, others)
	}
	if err != nil {
		return nil, err
	}
	if err := r.read(entry); err != nil {
		return nil, err
	}
	if r.Load, err = loadings(r.Modules, src.Load); err != nil {
		return nil, fmt.Errorf("module %s: %w", src.Root, err)
	}
	return r, nil
}

// build returns the cache entry of the built modules.
func (r *Result) build(ctx context.Context, cacheDir string, kernel *images.Kernel, src Source, others []*Result) (string, error) {
	if err := src.check(); err != nil {
		return "", err
	}
	l, err := copytree.List(src.Root)
	if err != nil {
		return "", err
	}
	tools, err := kcompiler.For(kernel)
	if err != nil {
		return "", err
	}
	m := &maker{src: src, kernel: kernel, tools: tools}
	if r.Notes, err = newNotes(m); err != nil {
		return "", err
	}
	var keys []string
	for _, other := range others {
		if other.symbols != "" {
			m.symbols, keys = append(m.symbols, other.symbols), append(keys, other.Key)
		}
	}
	key := treeKey(m)
	find := func() (string, error) {
		rec, err := known(filepath.Join(treesDir(cacheDir), key), l, keys)
		if err != nil || rec == nil {
			return "", err
		}
		r.Key, r.Outside = rec.Result, rec.Outside
		return r.entry(ctx, cacheDir, func(context.Context, string) error { return errNotThere })
	}
	if entry, err := find(); entry != "" || err != nil {
		cache.MarkUsed(filepath.Join(treesDir(cacheDir), key))
		return entry, err
	}
	tree, unlock, err := openTree(ctx, cacheDir, key)
	if err != nil {
		return "", err
	}
	defer unlock()
	if entry, err := find(); entry != "" || err != nil { // another process has built it meanwhile
		return entry, err
	}
	if m.view, err = plainpath.New(ctx, cacheDir); err != nil {
		return "", err
	}
	if err := tools.Root.Check(ctx); err != nil {
		return "", err
	}
	m.tree, r.Built = tree, true
	if !tools.Root.IsHost() {
		r.Tools = fmt.Sprintf(", with %s of %s", tools.Compiler, tools.Root.Name)
	}
	return r.fill(ctx, cacheDir, m, l, keys)
}

// treeKey returns the key of the tree, which covers all that a build depends on except
// the contents of files.
func treeKey(m *maker) string {
	s := m.src
	return digestOfText(version, s.Root, fmt.Sprintf("%q %q", s.Dirs, s.Make), s.Prepare, s.Command, m.kernel.Key, m.tools.Identity, s.compilerFlags())
}

// errNotThere is the error for an entry that is no longer in the cache.
var errNotThere = errors.New("the entry is not there")

// entry returns the cache entry of r.Key, or "" if fill returns errNotThere.
func (r *Result) entry(ctx context.Context, cacheDir string, fill func(context.Context, string) error) (string, error) {
	entry, err := cache.Entry(ctx, filepath.Join(cacheDir, "modules"), r.Key, fill)
	if errors.Is(err, errNotThere) {
		return "", nil
	}
	return entry, err
}

// fill builds in the tree, whose lock is held, and returns the cache entry.
func (r *Result) fill(ctx context.Context, cacheDir string, m *maker, l *copytree.Listing, others []string) (string, error) {
	if err := m.begin(); err != nil {
		return "", err
	}
	err := m.update(ctx, l)
	if errors.Is(err, errKilled) {
		return "", err // the tree stays marked
	}
	if err != nil {
		if errors.Is(err, errBuild) {
			err = m.failure(ctx, "")
		}
		return "", errors.Join(err, m.end())
	}
	made, err := builtModules(m.copy())
	if err == nil && len(made) == 0 {
		err = m.failure(ctx, m.src.noModule(m.copy()))
	}
	if err != nil {
		return "", errors.Join(err, m.end())
	}
	rec, err := m.inputs(ctx, l)
	if err != nil {
		return "", err
	}
	symbols, err := exportedSymbols(m.copy())
	if err != nil {
		return "", err
	}
	if r.Key, err = resultKey(m, made, symbols); err != nil {
		return "", err
	}
	entry, err := r.entry(ctx, cacheDir, func(ctx context.Context, out string) error { return m.keep(ctx, made, symbols, out) })
	if err != nil {
		return "", err
	}
	rec.Others, rec.Result = others, r.Key
	m.state.add(rec)
	r.Outside = rec.Outside
	if bytes.Contains(m.log, []byte(": warning: ")) {
		r.Output = string(m.log)
	}
	return entry, m.end()
}

// update brings the copy to the state of the user's files, and builds.
func (m *maker) update(ctx context.Context, l *copytree.Listing) error {
	m.accessTimes = copytree.KeepsAccessTimes(m.dir)
	stale, err := m.isStale(l, m.accessTimes, m.view)
	if err != nil {
		return err
	}
	if stale {
		if err := m.empty(); err != nil {
			return err
		}
	}
	if err := copytree.RemoveMade(m.copy(), m.state.Prepared, m.state.Copied); err != nil {
		return err
	}
	copied, err := l.Synchronize(m.copy(), m.state.Copied)
	if err != nil {
		return err
	}
	m.state.Copied = copied
	if err := m.writeTools(); err != nil {
		return err
	}
	if err := m.prepare(ctx); err != nil {
		return err
	}
	return m.make(ctx)
}

// exportedSymbols returns the lists of symbols that the modules export, as one.
func exportedSymbols(copied string) ([]byte, error) {
	var all []byte
	err := filepath.WalkDir(copied, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != symbolsName || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		all = append(all, text...)
		return err
	})
	return all, err
}

// resultKey returns the key of built modules: their contents decide.
func resultKey(m *maker, made []string, symbols []byte) (string, error) {
	parts := []string{version, m.kernel.Key, m.src.Root, m.tools.Strip, m.src.compilerFlags(), string(symbols)}
	for _, ko := range made {
		digest, err := copytree.Digest(ko)
		if err != nil {
			return "", err
		}
		parts = append(parts, filepath.Base(ko), digest)
	}
	return digestOfText(parts...), nil
}

// keep copies modules to directory out, puts copies without debug information into
// guestDir there, and adds the build log and the list of exported symbols.
func (m *maker) keep(ctx context.Context, made []string, symbols []byte, out string) error {
	if err := os.Mkdir(filepath.Join(out, guestDir), 0o700); err != nil {
		return err
	}
	for _, ko := range made {
		kept := filepath.Join(out, filepath.Base(ko))
		if err := copyFile(ko, kept); err != nil {
			return err
		}
		if m.src.FaultWalk {
			if err := modfail.Link(ctx, m.tools.Linking, kept); err != nil {
				return err
			}
		}
		cmd := exec.CommandContext(ctx, m.tools.Strip, "--strip-debug", "-o", filepath.Join(out, guestDir, filepath.Base(ko)), kept)
		m.tools.Root.Wrap(cmd)
		if said, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("module %s: strip debug information from %s: %w\n%s", m.src.Root, filepath.Base(ko), err, said)
		}
	}
	if len(symbols) > 0 {
		if err := os.WriteFile(filepath.Join(out, symbolsName), symbols, 0o600); err != nil {
			return err
		}
	}
	if err := keepNotes(m, out); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, logName), m.log, 0o600)
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}

// read reads a cache entry.
func (r *Result) read(entry string) error {
	names, err := fs.Glob(os.DirFS(entry), "*.ko")
	if err != nil {
		return err
	}
	for _, name := range names {
		m, err := readModule(filepath.Join(entry, name))
		if err != nil {
			return err
		}
		m.Path = filepath.Join(entry, guestDir, name)
		r.Modules = append(r.Modules, m)
	}
	r.Modules = inLoadingOrder(r.Modules)
	if r.Notes != nil {
		r.Notes.Dir = filepath.Join(entry, notesDir)
	}
	if symbols := filepath.Join(entry, symbolsName); isFile(symbols) {
		r.symbols = symbols
	}
	return nil
}
