package apt

import (
	"context"
	"fmt"
	"regexp"

	"github.com/kmodtest/kmodtest/images/internal/command"
)

// Closure returns packages and all on which they depend, as apt would install them in an empty
// system. Names may have a version: NAME=VERSION. Only the fields Name and Version are set.
func (a *Archive) Closure(ctx context.Context, names []string) ([]Package, error) {
	args := append([]string{"install", "--simulate", "--no-install-recommends", "-q", "-c", a.configFile()}, names...)
	out, err := command.Command{Path: a.aptGet, Args: args, Env: []string{"LC_ALL=C"}}.Run(ctx)
	if err != nil {
		return nil, fmt.Errorf("resolve the dependencies of packages of %s: %w", a.Suite, err)
	}
	found := parseInstalls(out)
	if len(found) == 0 {
		return nil, fmt.Errorf("resolve the dependencies of packages of %s: apt-get lists no package to install", a.Suite)
	}
	return found, nil
}

var installLine = regexp.MustCompile(`(?m)^Inst ([a-z0-9][a-z0-9+.-]*)(?::[a-z0-9-]+)? \(([^ )]+)`)

// parseInstalls reads the lines "Inst NAME (VERSION ORIGIN [ARCHITECTURE])" of apt-get's simulation.
func parseInstalls(output []byte) []Package {
	var found []Package
	for _, line := range installLine.FindAllSubmatch(output, -1) {
		found = append(found, Package{Name: string(line[1]), Version: string(line[2])})
	}
	return found
}
