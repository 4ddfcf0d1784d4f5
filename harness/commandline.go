package harness

import (
	"flag"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/request"
)

// splitCommandLine splits a command line that flag.Parse has accepted into its flags and
// the arguments after them.
func splitCommandLine(args []string) (flags []request.Flag, rest []string) {
	for i := 0; i < len(args); i++ {
		if len(args[i]) < 2 || args[i][0] != '-' {
			return flags, args[i:]
		}
		if args[i] == "--" {
			return flags, args[i+1:]
		}
		name, value, inline := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		switch {
		case inline:
		case isBool(name):
			value = "true"
		case i+1 < len(args):
			i++
			value = args[i]
		}
		flags = append(flags, request.Flag{Name: name, Value: value})
	}
	return flags, nil
}

// isBool reports whether a flag needs no value.
func isBool(name string) bool {
	f := flag.Lookup(name)
	if f == nil {
		return true // not reached: flag.Parse refuses such a flag
	}
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// flagValues returns the values of all flags of the testing package.
func flagValues() map[string]string {
	values := map[string]string{}
	flag.VisitAll(func(f *flag.Flag) {
		if strings.HasPrefix(f.Name, "test.") {
			values[f.Name] = f.Value.String()
		}
	})
	return values
}
