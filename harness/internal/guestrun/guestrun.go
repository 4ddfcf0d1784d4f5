package guestrun

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/gobuild"
	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/images/cache"
)

// runPackage is the package of the program that controls a run.
const runPackage = "harness/cmd/kmodtest-run"

// Test runs a test binary with these arguments in a guest, and exits as it does. It
// returns only an error. A binary whose TestMain calls harness.Main is started as it is:
// it has a configuration of its own, of which flags can change kernel and fresh machines
// only.
func Test(ctx context.Context, flags Table, binary string, args []string) error {
	path, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the test binary: %w", err)
	}
	if callsMain(text) {
		return startOwn(flags, path, binary, args)
	}
	r := request.Request{Kind: request.Foreign, Binary: path, Name: binary, Exec: os.Args[1:max(1, len(os.Args)-len(args)-1)]}
	r.Flags, r.Rest, r.Values = splitTestFlags(args)
	if r.Values["test.list"] != "" { // such a binary prints names, and no events
		r.Kind, r.Rest = request.Program, args
	}
	return become(ctx, r, flags)
}

// mainFunction is the name, in the table of functions of a Go program, of a function that
// a test binary contains only if it calls harness.Main or harness.Run.
const mainFunction = "github.com/kmodtest/kmodtest/harness." + "runInside"

// callsMain reports whether the TestMain of a test binary calls harness.Main.
func callsMain(binary []byte) bool { return bytes.Contains(binary, []byte(mainFunction)) }

// startOwn starts a test binary whose TestMain calls harness.Main.
func startOwn(flags Table, path, name string, args []string) error {
	return fmt.Errorf("start %s: %w", path, syscall.Exec(path, append([]string{name}, args...), append(os.Environ(), ownVariables(flags, path)...)))
}

// ownVariables returns the variables that make a test binary which calls harness.Main do
// what the flags say.
func ownVariables(flags Table, path string) (env []string) {
	if flags.Kernel != "" {
		flags.Resolve(".")
		env = append(env, "KMODTEST_KERNEL="+flags.Kernel)
	}
	if flags.Fresh {
		env = append(env, "KMODTEST_FRESH=test")
	}
	flags.Kernel, flags.Fresh = "", false
	if flags.isSet() {
		fmt.Fprintf(os.Stderr, "kmodtest: %s calls harness.Main, whose Config is used; of the flags, only --kernel and --fresh change it\n", filepath.Base(path))
	}
	return env
}

// Program runs any program in a guest, and exits as it does. It returns only an error.
func Program(ctx context.Context, flags Table, name string, args []string, timeout time.Duration) error {
	path, err := exec.LookPath(name)
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return fmt.Errorf("find the program: %w", err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	r := request.Request{Kind: request.Program, Binary: path, Name: name, Rest: args, Values: map[string]string{}}
	if timeout > 0 {
		r.Values["test.timeout"] = timeout.String()
	}
	return become(ctx, r, flags)
}

// become completes the request and turns this process into kmodtest-run. It returns only
// an error.
func become(ctx context.Context, r request.Request, flags Table) error {
	program, err := prepare(ctx, &r, flags)
	if err != nil {
		return err
	}
	return request.Become(program, r)
}

// prepare completes a request for a program in r.Dir, or in the working directory, and
// returns the path of kmodtest-run.
func prepare(ctx context.Context, r *request.Request, flags Table) (path string, err error) {
	r.Started, r.Parent = time.Now(), os.Getppid()
	if r.Cwd, err = os.Getwd(); err != nil {
		return "", fmt.Errorf("find the working directory: %w", err)
	}
	r.Dir = cmp.Or(r.Dir, r.Cwd)
	if r.Config, err = Config(r.Dir, r.Cwd, flags); err != nil {
		return "", err
	}
	if r.Source, err = FindSource(ctx); err != nil {
		return "", err
	}
	dir, err := cache.Dir()
	if err != nil {
		return "", err
	}
	program, err := gobuild.BuildOwn(ctx, dir, r.Source, runPackage, func() {
		fmt.Fprintln(os.Stderr, "kmodtest: building its own programs (once; later runs use the cache)")
	})
	return program.Path, err
}

// splitTestFlags splits the arguments of a test binary into flags of the testing package
// and the rest, which begins with the first flag of the binary's own or the first
// argument. values are the values of all flags of the testing package.
func splitTestFlags(args []string) (flags []request.Flag, rest []string, values map[string]string) {
	testing.Init()
	values = map[string]string{}
	flag.VisitAll(func(f *flag.Flag) {
		if strings.HasPrefix(f.Name, "test.") {
			values[f.Name] = f.DefValue
		}
	})
	for i := 0; i < len(args); i++ {
		name, value, inline := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		f := flag.Lookup(name)
		if !strings.HasPrefix(args[i], "-") || f == nil || !strings.HasPrefix(name, "test.") {
			return flags, slices.Clone(args[i:]), values
		}
		isBool := false
		if b, ok := f.Value.(interface{ IsBoolFlag() bool }); ok {
			isBool = b.IsBoolFlag()
		}
		switch {
		case isBool && !inline:
			value = "true"
		case isBool:
			if b, err := strconv.ParseBool(value); err == nil {
				value = strconv.FormatBool(b)
			}
		case !inline && i+1 < len(args):
			i++
			value = args[i]
		}
		flags = append(flags, request.Flag{Name: name, Value: value})
		values[name] = value
	}
	return flags, nil, values
}
