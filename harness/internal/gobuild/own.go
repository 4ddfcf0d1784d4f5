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

// BuildOwn is Build for the host and a program of this project, named by its directory in the
// project, on behalf of a package in dir that imports the project. It uses the
// versions in the project's own go.mod, so that it does not depend on the user's.
// All packages of the user's module share the program. If there is a program to build,
// building is called first, if it is not nil.
func BuildOwn(ctx context.Context, cacheDir, dir, program string, building func()) (Program, error) {
	return order{dir: moduleRoot(dir), pkg: project + "/" + program, building: building, prepare: (*builder).moveHome}.program(ctx, cacheDir)
}

// BuildOwnFor is BuildOwn for an architecture.
func BuildOwnFor(ctx context.Context, cacheDir, dir, program, goarch string) (Program, error) {
	return order{dir: moduleRoot(dir), pkg: project + "/" + program, arch: goarch, prepare: (*builder).moveHome}.program(ctx, cacheDir)
}

// moduleRoot returns the directory of the go.mod that is for the packages in dir: there
// or in the nearest directory above. Without one it returns dir.
func moduleRoot(dir string) string {
	for root := dir; ; root = filepath.Dir(root) {
		info, err := os.Stat(filepath.Join(root, "go.mod"))
		if err == nil && !info.IsDir() {
			return root
		}
		if root == filepath.Dir(root) {
			return dir
		}
	}
}

// moveHome makes the project the main module of the build, whether the user's
// module has it from a checkout or from the module cache. Otherwise, as in a
// vendor directory, the user's module stays the main module.
func (b *builder) moveHome(ctx context.Context) error {
	root := b.dir
	if !IsProject(root) {
		out, err := b.run(ctx, plain("list", "-f", "{{.Dir}}", project+"/harness")...)
		if err != nil {
			return err
		}
		root = filepath.Dir(strings.TrimSpace(string(out)))
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		return nil //nolint:nilerr // a missing go.mod is not an error
	}
	b.dir = root
	b.env = append(b.env, "GOWORK=off", "GOFLAGS="+withoutModules(os.Getenv("GOFLAGS")))
	return nil
}

// IsProject reports whether dir is the root of this project's module.
func IsProject(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	return err == nil && strings.HasPrefix(string(text), "module "+project+"\n")
}

// withoutModules returns GOFLAGS without the flags that choose modules, which are
// meant for another main module.
func withoutModules(flags string) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(flags), func(flag string) bool {
		name, _, _ := strings.Cut(strings.TrimLeft(flag, "-"), "=")
		return name == "mod" || name == "modfile" || name == "overlay"
	}), " ")
}
