package pacman

import (
	"fmt"
	"slices"
	"strings"
)

// Find returns the package of a name; if several repositories have it, that of the first.
func Find(packages []Package, name string) (Package, error) {
	i := slices.IndexFunc(packages, func(p Package) bool { return p.Name == name })
	if i < 0 {
		return Package{}, fmt.Errorf("the repositories have no package %s", name)
	}
	return packages[i], nil
}

// Closure returns packages and all that they depend on, each once, sorted by name. It knows names, not versions: a
// repository has one version of each package, and they fit together.
func Closure(packages []Package, names []string) ([]Package, error) {
	providers := map[string][]Package{}
	for _, p := range packages {
		for _, what := range append([]string{p.Name}, p.Provides...) {
			providers[what] = append(providers[what], p)
		}
	}
	chosen := map[string]Package{} // by name
	type need struct{ what, by string }
	var queue []need
	for _, name := range names {
		queue = append(queue, need{name, "the row"})
	}
	for len(queue) > 0 {
		next := queue[0]
		queue = queue[1:]
		able := providers[next.what]
		if slices.ContainsFunc(able, func(p Package) bool { return chosen[p.Name].Name != "" }) {
			continue
		}
		if len(able) == 0 {
			return nil, fmt.Errorf("no package has %s, which %s requires", next.what, next.by)
		}
		best := able[0]
		if i := slices.IndexFunc(able, func(p Package) bool { return p.Name == next.what }); i >= 0 {
			best = able[i]
		}
		chosen[best.Name] = best
		for _, what := range best.Depends {
			queue = append(queue, need{what, best.Name})
		}
	}
	var all []Package
	for _, p := range chosen {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b Package) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}
