// Package modindex finds the modules that a name stands for, as modprobe(8) does: by
// the lists that depmod(8) has made of a kernel's own modules, and by the information
// in the modules under test. It is the host's side of package modprobe.
package modindex

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/kmodtest/kmodtest/harness/internal/kbuild"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
	"github.com/kmodtest/kmodtest/images"
)

// Index knows the modules of a kernel and those under test. The lists are read when
// they are first needed. Its methods may be called by several goroutines at once. A
// nil Index has no modules.
type Index struct {
	dir     string // the kernel's /lib/modules/RELEASE, or ""
	release string
	own     map[string]ownModule

	dep     func() (dep, error)
	names   func() (names, error)
	symbols func() ([]alias, error)
}

// ownModule is a module under test.
type ownModule struct {
	path    string
	depends []string
}

// names are the lists beside modules.dep.
type names struct {
	aliases  []alias
	builtin  []alias
	softDeps map[string]softDeps // by module
}

// New returns the index of a kernel and of modules under test.
func New(kernel *images.Kernel, built []*kbuild.Result) *Index {
	x := &Index{dir: kernel.Modules, release: kernel.Release, own: map[string]ownModule{}}
	for _, result := range built {
		for _, m := range result.Modules {
			x.own[m.Name] = ownModule{m.Path, m.Depends}
		}
	}
	x.dep = sync.OnceValues(func() (dep, error) { return readDep(x.dir) })
	x.names = sync.OnceValues(x.readNames)
	x.symbols = sync.OnceValues(func() ([]alias, error) { return readAliases(x.dir, "modules.symbols") })
	return x
}

// File is the file of a module.
type File struct {
	Name string // of the module, as lsmod shows it
	Role wire.Role
	Path string // below /lib/modules/RELEASE, or absolute for a module under test
}

// Find returns the files to load, in loading order, for the name of a module or an
// alias. Modules for which loaded returns true are left out, with what only they
// need. Without a result FoundModules there are no files.
func (x *Index) Find(name string, loaded func(module string) bool) ([]File, wire.Found, error) {
	if x == nil {
		return nil, wire.FoundNothing, nil
	}
	p := plan{index: x, loaded: loaded, steps: map[string]int{}}
	var err error
	if p.dep, err = x.dep(); err != nil {
		return nil, wire.FoundError, err
	}
	if p.names, err = x.names(); err != nil {
		return nil, wire.FoundError, err
	}
	targets, builtin, err := p.lookUp(name)
	switch {
	case err != nil:
		return nil, wire.FoundError, err
	case len(targets) == 0 && builtin:
		return nil, wire.FoundBuiltin, nil
	case len(targets) == 0:
		return nil, wire.FoundNothing, nil
	}
	for _, target := range targets {
		p.add(target, wire.Target)
	}
	return p.files, wire.FoundModules, nil
}

// Closure returns the files of the modules with these names, and of the modules that
// they depend on. Names may be patterns of path.Match. A module that is built in has
// no file. If there is no module of a name, the error is a *MissingModuleError.
func (x *Index) Closure(patterns []string) ([]File, error) {
	d, err := x.dep()
	if err != nil {
		return nil, err
	}
	p := plan{index: x, dep: d, loaded: func(string) bool { return false }, steps: map[string]int{}}
	for _, pattern := range patterns {
		names, err := x.match(d, pattern)
		if err != nil {
			return nil, err
		}
		if len(names) == 0 {
			return nil, &MissingModuleError{Name: pattern}
		}
		for _, name := range names {
			if p.isModule(name) {
				p.add(name, wire.Target)
			}
		}
	}
	for _, own := range x.own {
		for _, name := range own.depends {
			if !p.isModule(name) && !d.builtin[name] {
				return nil, &MissingModuleError{Name: name}
			}
		}
	}
	return p.files, nil
}

// Known returns the patterns for which the kernel has a module, loadable or built in.
func (x *Index) Known(patterns []string) ([]string, error) {
	d, err := x.dep()
	if err != nil {
		return nil, err
	}
	var known []string
	for _, pattern := range patterns {
		names, err := x.match(d, pattern)
		if err != nil {
			return nil, err
		}
		if len(names) > 0 {
			known = append(known, pattern)
		}
	}
	return known, nil
}

// Missing returns the names for which the kernel has no module, neither loadable nor
// built in. A kernel without lists of its modules may have any of them.
func (x *Index) Missing(names []string) ([]string, error) {
	if x.dir == "" {
		return nil, nil
	}
	known, err := x.Known(names)
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(known, name) }), err
}

// IsBuiltin reports whether a module is known to be built into the kernel. It reads only that list.
func (x *Index) IsBuiltin(name string) bool {
	if x.dir == "" {
		return false
	}
	builtin, err := readBuiltin(x.dir)
	return err == nil && builtin[underscores(name)]
}

// match returns the names of modules, loadable or built in, that match a pattern, in
// alphabetical order.
func (x *Index) match(d dep, pattern string) ([]string, error) {
	pattern = underscores(pattern)
	found := map[string]bool{}
	for _, all := range []iter.Seq[string]{maps.Keys(d.byName), maps.Keys(d.builtin), maps.Keys(x.own)} {
		for name := range all {
			ok, err := path.Match(pattern, name)
			if err != nil {
				return nil, fmt.Errorf("%q is not a pattern for names of modules: %w", pattern, err)
			}
			if ok {
				found[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// IsOwn reports whether a file is that of a module under test.
func (x *Index) IsOwn(f File) bool {
	own, ok := x.own[f.Name]
	return ok && own.path == f.Path
}

// Read returns the content of a module's file, decompressed. A file of the kernel is
// read only from below the kernel's directory.
func (x *Index) Read(f File) ([]byte, error) {
	if x.IsOwn(f) {
		return os.ReadFile(f.Path)
	}
	root, err := os.OpenRoot(x.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	file, err := root.Open(f.Path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("it has more than %d MiB", maxFile>>20)
	}
	if err == nil {
		b, err = decompress(filepath.Ext(f.Path), b)
	}
	if err != nil {
		return nil, fmt.Errorf("read module %s: %w", f.Path, err)
	}
	return b, nil
}

// MissingModuleError reports that a kernel has no module of that name, neither
// loadable nor built in.
type MissingModuleError struct{ Name string }

func (e *MissingModuleError) Error() string {
	return fmt.Sprintf("this kernel has no module %s, neither loadable nor built in", e.Name)
}

// plan collects the files to load for one name.
type plan struct {
	index  *Index
	dep    dep
	names  names
	loaded func(module string) bool
	files  []File
	steps  map[string]int // name of a module to its place in files; -1 while its dependencies are added
}

// lookUp returns the modules that a name stands for, in the order in which
// modprobe(8) loads them. builtin reports that the name is one of the kernel's image.
func (p *plan) lookUp(name string) (modules []string, builtin bool, err error) {
	name = underscores(name)
	if p.isModule(name) {
		return []string{name}, false, nil
	}
	if strings.HasPrefix(name, "symbol:") {
		symbols, err := p.index.symbols()
		return matching(symbols, name), false, err
	}
	found := slices.DeleteFunc(matching(p.names.aliases, name), func(module string) bool { return !p.isModule(module) })
	return found, p.dep.builtin[name] || len(matching(p.names.builtin, name)) > 0, nil
}

func (p *plan) isModule(name string) bool {
	_, own := p.index.own[name]
	return own || p.dep.byName[name] != ""
}

// add adds a module after those that it needs, and before those that it wants to be
// loaded after it.
func (p *plan) add(name string, role wire.Role) {
	if i, begun := p.steps[name]; begun {
		if i >= 0 {
			p.files[i].Role = max(p.files[i].Role, role)
		}
		return
	}
	if p.loaded(name) {
		return
	}
	p.steps[name] = -1
	soft := p.names.softDeps[name]
	p.addAliases(soft.pre)
	file, depends := p.dep.byName[name], p.dep.depends[name]
	if own, ok := p.index.own[name]; ok {
		file, depends = own.path, own.depends
	}
	for _, needed := range depends {
		if p.isModule(needed) {
			p.add(needed, min(role, wire.Dependency))
		}
	}
	p.steps[name] = len(p.files)
	p.files = append(p.files, File{name, role, file})
	p.addAliases(soft.post)
}

func (p *plan) addAliases(wanted []string) {
	for _, name := range wanted {
		modules, _, err := p.lookUp(name)
		if err != nil {
			continue // the module that wants it may load without it
		}
		for _, module := range modules {
			p.add(module, wire.Soft)
		}
	}
}

// Nodes returns the device files that load a module when they are opened.
func (x *Index) Nodes() ([]wire.Node, error) {
	if x.dir == "" {
		return nil, nil
	}
	text, err := os.ReadFile(filepath.Join(x.dir, "modules.devname"))
	if os.IsNotExist(err) {
		return nil, nil
	}
	return parseNodes(string(text)), err
}

// parseNodes reads modules.devname: lines of a module, a name in /dev, and the type
// and numbers of the device.
func parseNodes(text string) []wire.Node {
	var nodes []wire.Node
	for line := range strings.Lines(text) {
		var module, name string
		var node wire.Node
		var kind rune
		if n, _ := fmt.Sscanf(line, "%s %s %c%d:%d", &module, &name, &kind, &node.Major, &node.Minor); n != 5 ||
			!filepath.IsLocal(name) || kind != 'c' && kind != 'b' || module[0] == '#' {
			continue
		}
		node.Name, node.Block = filepath.Clean(name), kind == 'b'
		nodes = append(nodes, node)
	}
	slices.SortFunc(nodes, func(a, b wire.Node) int { return cmp.Compare(a.Name, b.Name) })
	return nodes
}
