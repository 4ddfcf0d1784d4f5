package kbuild

import (
	"fmt"
	"slices"
	"strings"
)

// Loading is a module that is loaded before the tests.
type Loading struct {
	Name       string // as lsmod shows it
	Parameters string // as insmod takes them: "size=4 debug=1"
}

// loadings returns the modules to load for a list such as Source.Load. modules are in loading order.
// A module's dependencies among them come before it, so that they are unloaded as well.
func loadings(modules []Module, list []string) ([]Loading, error) {
	if list == nil {
		for _, m := range modules {
			list = append(list, m.Name)
		}
	}
	byName := map[string]Module{}
	for _, m := range modules {
		byName[m.Name] = m
	}
	parameters := map[string]string{}
	for _, entry := range list {
		name, rest, _ := strings.Cut(strings.TrimSpace(entry), " ")
		parameters[ModuleName(name)] = strings.TrimSpace(rest)
	}
	var out []Loading
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
		out = append(out, Loading{m.Name, parameters[m.Name]})
	}
	for _, entry := range list {
		name, _, _ := strings.Cut(strings.TrimSpace(entry), " ")
		name = ModuleName(name)
		if !slices.ContainsFunc(modules, func(m Module) bool { return m.Name == name }) {
			return nil, fmt.Errorf("the build makes no module %s that is to be loaded; it makes %s", name, nameList(modules))
		}
		add(name)
	}
	return out, nil
}

// nameList returns the names of modules in one line.
func nameList(modules []Module) string {
	var names []string
	for _, m := range modules {
		names = append(names, m.Name)
	}
	return strings.Join(names, ", ")
}
