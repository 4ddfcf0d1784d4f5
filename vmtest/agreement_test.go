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

// replay is a sequence of operations, as a failing test prints it.
var replay = flag.String("replay", "", "a sequence of `operations`, for TestModuleAgreesWithModel to make instead of random ones")

// An agreement is the world and a model of it, and what both have done.
type agreement struct {
	*world
	model *model
	done  []operation
}

// step makes an operation in both, and compares what it answered and what it
// left in the network namespaces.
func (a *agreement) step(op operation) error {
	a.done = append(a.done, op)
	got, err := a.do(op)
	want := a.model.do(op)
	if want.unsaid {
		got.buffer, want.unsaid = want.buffer, false
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
				return a.describe(op, "then namespace %d answers to command %d with %s, *optlen %d, buffer %q, want %s, %d, %q (%v)", namespace,
					look.command, errnoText(got.err), got.optlen, got.buffer, errnoText(want.err), want.optlen, want.buffer, err)
			}
		}
	}
	return nil
}

// describe says what an operation did other than the model, and how to see it
// again.
func (a *agreement) describe(op operation, format string, args ...any) error {
	return fmt.Errorf("%s: %w\nto see it again: go test ./vmtest -run '^TestModuleAgreesWithModel$' -replay '%s'",
		op, fmt.Errorf(format, args...), operationsText(a.done))
}

func errnoText(errno unix.Errno) string {
	if errno == 0 {
		return "success"
	}
	return unix.ErrnoName(errno)
}

// run makes a sequence of operations in a world begun anew.
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

// checkRandomly lets rapid find a sequence of operations by which world and
// model come apart, and returns how many operations were made.
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

// onCommandLine are the flags that were given there; it is to be asked before
// any is set otherwise.
var onCommandLine = sync.OnceValue(func() map[string]bool {
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	return given
})

// setRapid sets a flag of rapid's until the test ends, unless the command line
// does.
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

// Random sequences of calls, with sockets, namespaces and the module that come
// and go: the model knows every answer, every byte and every counter.
func TestModuleAgreesWithModel(t *testing.T) {
	setRapid(t, "rapid.nofailfile", "true") // it would stay in the guest, and -replay does as well
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
