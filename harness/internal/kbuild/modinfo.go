package kbuild

import (
	"debug/elf"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Module is a built kernel module.
type Module struct {
	Name    string   // as lsmod shows it
	Path    string   // of the .ko file for the guest, without debug information
	Debug   string   // of the same module with debug information
	Depends []string // names of the modules that it depends on

	vermagic string
	machine  elf.Machine
}

// readModule reads a module's name and dependencies from its .modinfo section, a
// list of NUL-terminated name=value strings.
func readModule(path string) (Module, error) {
	f, err := elf.Open(path)
	if err != nil {
		return Module{}, fmt.Errorf("read module %s: %w", path, err)
	}
	defer f.Close()
	section := f.Section(".modinfo")
	if section == nil {
		return Module{}, fmt.Errorf("read module %s: not a kernel module: it has no .modinfo section", path)
	}
	data, err := section.Data()
	if err != nil {
		return Module{}, fmt.Errorf("read module %s: %w", path, err)
	}
	m := Module{Debug: path, Name: ModuleName(path), machine: f.Machine}
	for field := range strings.SplitSeq(string(data), "\x00") {
		switch name, value, _ := strings.Cut(field, "="); {
		case name == "name":
			m.Name = value
		case name == "vermagic":
			m.vermagic = value
		case name == "depends" && value != "":
			for dep := range strings.SplitSeq(value, ",") {
				m.Depends = append(m.Depends, ModuleName(dep)) // some kernels write names of files here
			}
		}
	}
	return m, nil
}

// ModuleName returns the name of the module in the file at path, as lsmod shows
// it: without the directory and suffix, and with underscores instead of hyphens.
func ModuleName(path string) string {
	base, _, _ := strings.Cut(filepath.Base(path), ".ko")
	return strings.ReplaceAll(base, "-", "_")
}

// inLoadingOrder sorts modules by name, but each after the modules that it depends
// on.
func inLoadingOrder(modules []Module) []Module {
	slices.SortFunc(modules, func(a, b Module) int { return strings.Compare(a.Name, b.Name) })
	names := make([]string, len(modules))
	for i, m := range modules {
		names[i] = m.Name
	}
	return withDependencies(modules, names)
}

// withDependencies returns the modules of these names in that order, each after those
// of the modules that it depends on.
func withDependencies(modules []Module, names []string) []Module {
	byName := map[string]Module{}
	for _, m := range modules {
		byName[m.Name] = m
	}
	var sorted []Module
	var add func(name string)
	add = func(name string) {
		m, ours := byName[name]
		if !ours {
			return
		}
		delete(byName, name) // before its dependencies, to end cycles
		for _, dep := range m.Depends {
			add(dep)
		}
		sorted = append(sorted, m)
	}
	for _, name := range names {
		add(name)
	}
	return sorted
}
