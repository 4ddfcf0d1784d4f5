package rpm

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Newest returns the newest package of a name whose VERSION-RELEASE matches a pattern as in path.Match; "" matches all.
func Newest(packages []Package, name, pattern string) (Package, error) {
	var best *Package
	for i, p := range packages {
		if p.Name != name {
			continue
		}
		if ok, err := path.Match(pattern, p.EVR()); err != nil {
			return Package{}, fmt.Errorf("match versions with %q: %w", pattern, err)
		} else if !ok && pattern != "" {
			continue
		}
		if best == nil || p.newerThan(*best) {
			best = &packages[i]
		}
	}
	if best == nil && pattern != "" {
		return Package{}, fmt.Errorf("the repositories have no package %s whose version matches %s", name, pattern)
	}
	if best == nil {
		return Package{}, fmt.Errorf("the repositories have no package %s", name)
	}
	return *best, nil
}

// Closure returns packages and all that they require, each once, sorted by name. It knows names, not versions or
// conditions: that is enough for the packages of one release of a distribution, which fit together.
func Closure(packages []Package, names []string) ([]Package, error) {
	providers := map[string][]*Package{}
	for i := range packages {
		p := &packages[i]
		for _, what := range slices.Concat([]string{p.Name}, p.Provides, p.Files) {
			providers[what] = append(providers[what], p)
		}
	}
	chosen := map[string]*Package{} // by name
	type need struct{ what, by string }
	var queue []need
	for _, name := range names {
		queue = append(queue, need{name, "the row"})
	}
	for len(queue) > 0 {
		next := queue[0]
		queue = queue[1:]
		if strings.HasPrefix(next.what, "rpmlib(") || strings.HasPrefix(next.what, "(") {
			continue // a property of the program rpm, or a condition
		}
		able := providersOf(providers, next.what)
		if slices.ContainsFunc(able, func(p *Package) bool { return chosen[p.Name] != nil }) {
			continue
		}
		if len(able) == 0 {
			return nil, fmt.Errorf("no package has %s, which %s requires", next.what, next.by)
		}
		best := preferred(able, next.what)
		chosen[best.Name] = best
		for _, what := range best.Requires {
			queue = append(queue, need{what, best.Name})
		}
	}
	var all []Package
	for _, p := range chosen {
		all = append(all, *p)
	}
	slices.SortFunc(all, func(a, b Package) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// providersOf returns the packages that provide something. Systems with one /usr have /bin/sh at /usr/bin/sh.
func providersOf(providers map[string][]*Package, what string) []*Package {
	able := providers[what]
	for _, dir := range []string{"/bin/", "/sbin/", "/lib64/"} {
		if strings.HasPrefix(what, dir) {
			able = slices.Concat(able, providers["/usr"+what])
		}
	}
	return able
}

// preferred returns the package of that name, or else the one with the shortest name; of its versions the newest.
func preferred(able []*Package, what string) *Package {
	best := able[0]
	for _, p := range able[1:] {
		switch {
		case p.Name == best.Name && p.newerThan(*best),
			p.Name == what && best.Name != what,
			best.Name != what && len(p.Name) < len(best.Name):
			best = p
		}
	}
	return best
}
