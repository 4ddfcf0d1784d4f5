package gobuild

import (
	"context"
	"slices"
	"strings"
)

// Tests describes the test binary of a package.
type Tests struct {
	Dir, Package string   // Package is as on the go command's command line in Dir
	Arch         string   // as GOARCH
	Flags        []string // for the go command
	Race         bool     // with the race detector, which requires cgo
	// CC is the C compiler for Arch; "" if there is none. It is used if a package other than those of Go itself has C code.
	CC string
	// NoCC is the text of the note about C code that is left out because there is no compiler.
	NoCC string
}

// BuildTests is Build for a test binary. Its flags may come from GOFLAGS, too.
func BuildTests(ctx context.Context, cacheDir string, t Tests, building func()) (Program, error) {
	o := order{dir: t.Dir, pkg: t.Package, arch: t.Arch, tests: true, flags: t.Flags, building: building, prepare: func(b *builder, ctx context.Context) error { return t.addC(ctx, b) }}
	if t.Race {
		o.flags = append(o.flags, "-race="+raceIf(t.CC))
	}
	if t.CC != "" {
		o.env = []string{"CC=" + t.CC} // a part of the program's key, as are all flags
	}
	return o.program(ctx, cacheDir)
}

func raceIf(cc string) string {
	if cc == "" {
		return "false"
	}
	return "true"
}

// cgoFormat prints the packages with C code that are not Go's own.
const cgoFormat = `{{if and .CgoFiles (not .Standard)}}{{.ImportPath}}
{{end}}`

// addC turns cgo on if a package needs it and there is a compiler. The program is static all the same: the guest does not
// have the libraries of its architecture.
func (t Tests) addC(ctx context.Context, b *builder) error {
	withC := *b
	withC.env = append(slices.Clip(withC.env), "CGO_ENABLED=1")
	args := append([]string{"list", "-deps", "-test"}, t.Flags...)
	out, err := withC.run(ctx, append(args, noVCS, "-f", cgoFormat, t.Package)...)
	if err != nil {
		return err
	}
	packages := strings.Fields(string(out))
	switch {
	case t.CC != "" && (t.Race || len(packages) > 0):
		b.env = withC.env
		b.flags = append(b.flags, "-ldflags="+strings.TrimSpace(linkFlags(t.Flags)+" -linkmode=external -extldflags=-static"))
	case t.CC == "" && (t.Race || len(packages) > 0):
		b.note = t.NoCC
	}
	return nil
}

// linkFlags returns the linker's flags among those of the go command.
func linkFlags(flags []string) string {
	for _, flag := range flags {
		if text, ok := strings.CutPrefix(flag, "-ldflags="); ok {
			return text
		}
	}
	return ""
}
