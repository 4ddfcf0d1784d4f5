package vmtest

import (
	"flag"
	"fmt"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// replay is a sequence of operations in the format that a failing test prints.
var replay = flag.String("replay", "", "a sequence of `operations` that TestModuleAgreesWithModel runs instead of random ones")

// An agreement compares a world with the model, and records the operations that
// both have run.
type agreement struct {
	*world
	model *model
	done  []operation
}

// step runs an operation in both, and compares the results and the state of the
// network namespaces afterwards.
func (a *agreement) step(op operation) error {
	a.done = append(a.done, op)
	got, err := a.do(op)
	want := a.model.do(op)
	if want.unspecified {
		got.buffer, want.unspecified = want.buffer, false
	}
	switch {
	case err != nil:
		return a.describe(op, "%w", err)
	case got.err != want.err:
		return a.describe(op, "got %s, want %s", errnoText(got.err), errnoText(want.err))
	case got != want:
		return a.describe(op, "*optlen is now %d, want %d; buffer is now %q, want %q", got.optlen, want.optlen, got.buffer, want.buffer)
	}
	return a.look(op)
}

// look compares the last message and the counters of each network namespace.
func (a *agreement) look(op operation) error {
	if !a.loaded {
		return nil
	}
	for namespace := range a.namespaces {
		for _, distance := range []int32{uapi.SocketOpsLast - uapi.SocketOpsBase, uapi.SocketOpsStats - uapi.SocketOpsBase} {
			look := operation{
				kind: "get", namespace: namespace, privileged: true, command: a.base + distance,
				length: maxRoom, room: maxRoom, access: "rw", optlen: "rw",
			}
			got, err := a.do(look)
			if want := a.model.do(look); err != nil || got != want {
				return a.describe(op, "get of command %d in namespace %d afterwards: got %s, *optlen %d, buffer %q, want %s, %d, %q (%v)",
					look.command, namespace, errnoText(got.err), got.optlen, got.buffer, errnoText(want.err), want.optlen, want.buffer, err)
			}
		}
	}
	return nil
}

// describe returns an error that states how an operation differed from the model,
// and the command that repeats the sequence.
func (a *agreement) describe(op operation, format string, args ...any) error {
	return fmt.Errorf("%s: %w\nto repeat it: go test ./vmtest -run '^TestModuleAgreesWithModel$' -replay '%s'",
		op, fmt.Errorf(format, args...), operationsText(a.done))
}

func errnoText(errno unix.Errno) string {
	if errno == 0 {
		return "success"
	}
	return unix.ErrnoName(errno)
}

// run runs a sequence of operations in a reset world.
func run(w *world, m mistake, ops []operation) error {
	if err := w.begin(); err != nil {
		return err
	}
	a := agreement{world: w, model: newModel(m)}
	for _, op := range ops {
		if err := a.step(op); err != nil {
			return err
		}
	}
	return nil
}

// checkRandomly lets rapid search for a sequence of operations for which world
// and model differ, and returns the number of operations that it ran.
func checkRandomly(t rapid.TB, w *world, m mistake) int {
	t.Helper()
	steps := 0
	rapid.Check(t, func(t *rapid.T) {
		if err := w.begin(); err != nil {
			t.Fatal(err)
		}
		a := agreement{world: w, model: newModel(m)}
		t.Repeat(map[string]func(*rapid.T){"step": func(t *rapid.T) {
			steps++
			if err := a.step(operations.Draw(t, "operation")); err != nil {
				t.Fatal(err)
			}
		}})
	})
	return steps
}

// onCommandLine returns the flags that the command line sets. It must be called
// before any flag is set in another way.
var onCommandLine = sync.OnceValue(func() map[string]bool {
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	return given
})

// setRapid sets a flag of rapid until the test ends, unless the command line sets
// it.
func setRapid(t *testing.T, name, value string) {
	t.Helper()
	if onCommandLine()[name] {
		return
	}
	old := flag.Lookup(name).Value.String()
	t.Cleanup(func() { _ = flag.Set(name, old) })
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
}

// Runs random sequences of calls, new namespaces, loads and unloads. The model
// predicts every result, every byte and every counter.
func TestModuleAgreesWithModel(t *testing.T) {
	setRapid(t, "rapid.nofailfile", "true") // it would stay in the guest; -replay replaces it
	setRapid(t, "rapid.checks", "20")
	w := newWorld(t)
	if *replay != "" {
		ops, err := parseOperations(*replay)
		if err != nil {
			t.Fatal(err)
		}
		if err := run(w, none, ops); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Logf("%d operations", checkRandomly(t, w, none))
}
