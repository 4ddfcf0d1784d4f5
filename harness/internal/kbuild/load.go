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
	var names []string
	parameters := map[string]string{}
	for _, entry := range list {
		name, rest, _ := strings.Cut(strings.TrimSpace(entry), " ")
		name = ModuleName(name)
		if !slices.ContainsFunc(modules, func(m Module) bool { return m.Name == name }) {
			return nil, fmt.Errorf("the build makes no module %s that is to be loaded; it makes %s", name, nameList(modules))
		}
		names, parameters[name] = append(names, name), strings.TrimSpace(rest)
	}
	var out []Loading
	for _, m := range withDependencies(modules, names) {
		out = append(out, Loading{m.Name, parameters[m.Name]})
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
