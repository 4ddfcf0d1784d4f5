package gobuild

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// project is this module.
const project = "github.com/kmodtest/kmodtest"

// BuildOwn is Build for a program of this project, named by its directory in it,
// for a package in dir that imports the project. It is built with the versions
// of the project's own go.mod, so that it needs nothing of the user's. When there
// is something to build, building is called first.
func BuildOwn(ctx context.Context, cacheDir, dir, program string, building func()) (Program, error) {
	return build(ctx, cacheDir, project+"/"+program, dir, building, (*builder).moveHome)
}

// moveHome makes the project the main module of the build, wherever it is that
// a user's module has it from: a checkout or the cache of modules. Where it is
// neither, as in a vendor directory, the user's module stays that.
func (b *builder) moveHome(ctx context.Context) error {
	out, err := b.run(ctx, plain("list", "-f", "{{.Dir}}", project+"/harness")...)
	if err != nil {
		return err
	}
	root := filepath.Dir(strings.TrimSpace(string(out)))
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		return nil //nolint:nilerr // that it is not there is the answer
	}
	b.dir = root
	b.env = append(b.env, "GOWORK=off", "GOFLAGS="+withoutModules(os.Getenv("GOFLAGS")))
	return nil
}

// withoutModules returns GOFLAGS without what chooses modules, which is meant
// for another main module.
func withoutModules(flags string) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(flags), func(flag string) bool {
		name, _, _ := strings.Cut(strings.TrimLeft(flag, "-"), "=")
		return name == "mod" || name == "modfile" || name == "overlay"
	}), " ")
}
