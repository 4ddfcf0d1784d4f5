package guest

import (
	"errors"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/faultwalk"
	"github.com/kmodtest/kmodtest/harness/internal/modprobe"
)

// maxSteps is the largest number of steps of a walk.
const maxSteps = 1000

// FaultWalk walks the error paths of the modules under test. It calls f again and again.
// At first no call fails. Then, in one subtest each, the first call fails that a module
// makes of a function of the kernel that can fail, then the second, and so on: memory
// cannot be allocated, user memory not copied, something not registered. The name of a
// subtest has the number, the function and the line of the module: 2_kmalloc_state.c:44.
//
// f must make the same calls each time and undo what it does, with Cleanup at the latest.
// It has to cope with errors: see InjectedError. Only calls in the thread of f count, which
// is locked; those of goroutines that it starts, of interrupts and of other threads of the
// kernel do not fail.
//
// A subtest fails if f fails, if the kernel reports a fault, and if a module holds more
// afterwards than without a failure (memory, registrations, locks), has released memory
// twice, or written to memory that it had released. If the kernel dies, the next subtests
// run in another machine.
//
// Config.FaultWalk must be set. One walk runs at a time; others wait. No other test may use
// the modules meanwhile, and f must not call t.Parallel.
func FaultWalk(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	requireFaultWalk(t)
	w := &walk{}
	w.first(t, f)
	if len(w.usual.Calls) > maxSteps || w.usual.Full {
		t.Fatalf("FaultWalk: the function makes %d calls that can fail; at most %d are possible: call it with less", len(w.usual.Calls), maxSteps)
	}
	if len(w.usual.Calls) == 0 {
		t.Fatal("FaultWalk: the function makes no call of a module under test that can fail; .ko files that were built before do not count")
	}
	for i, call := range w.usual.Calls {
		t.Run(strconv.Itoa(i+1)+"_"+call.Name(), func(t *testing.T) {
			t.Helper()
			w.step(t, i+1, f)
		})
	}
}

// FaultWalkInit is like FaultWalk for the load of a module: each call of its init function
// fails once. A load must fail with the error of that call, or succeed. After a failure,
// the module must hold nothing, and load if no call fails. params are its parameters. The
// module is unloaded for the walk; cleanup loads it again.
func FaultWalkInit(t *testing.T, module string, params ...string) {
	t.Helper()
	requireFaultWalk(t)
	if ModuleLoaded(t, module) {
		UnloadModule(t, module)
	}
	FaultWalk(t, func(t *testing.T) {
		err := walkedLoad(t, module, params)
		if !InjectedError(t, err) {
			return
		}
		if err := walkedLoad(t, module, params); err != nil {
			t.Errorf("after the load that failed: %v", err)
		}
	})
}

// walkedLoad loads a module and unloads it. Afterwards no call fails.
func walkedLoad(t *testing.T, module string, params []string) error {
	t.Helper()
	_, err := loadModule(module, params)
	if stop := current.step.Calls(); stop != nil {
		t.Errorf("FaultWalk: %v", stop)
	}
	if err != nil {
		return err
	}
	if err := modprobe.Unload(module, modprobe.Patience); err != nil {
		t.Errorf("unload module %s: %v", module, err)
	}
	return nil
}

// InjectedError reports whether err, of an operation in a function that FaultWalk calls,
// comes from the call that was made to fail. It returns false if err is nil. It ends the
// test if err is anything else: ENOMEM is the error of an allocation, EFAULT that of a
// copy, and calls.txt of package modfail has those of other functions.
func InjectedError(tb testing.TB, err error) bool {
	tb.Helper()
	if err == nil {
		return false
	}
	if current.step == nil {
		tb.Fatalf("%v; InjectedError is called outside of FaultWalk", err)
	}
	if read := current.step.Read(); read != nil {
		tb.Fatalf("FaultWalk: %v", read)
	}
	call, failed := current.step.Report.FailedCall()
	if !failed {
		tb.Fatalf("%v, though no call has failed", err)
	}
	if !errors.Is(err, call.Error) {
		tb.Fatalf("%v; want %v (%s), the error of %s at %s", err, call.Error, unix.ErrnoName(call.Error), call.Function, call.Place)
	}
	return true
}

func requireFaultWalk(t *testing.T) {
	t.Helper()
	require(t)
	if !faultwalk.Loaded() {
		t.Fatal("the modules are not built for FaultWalk: set FaultWalk in harness.Config")
	}
}

// current is the step that runs. Its thread has the lock.
var current struct {
	sync.Mutex
	step *faultwalk.Step // or nil
}

// walk is one walk.
type walk struct {
	usual faultwalk.Report // of the step in which no call fails
}

// first calls f with no failure. It is not a subtest, as -run and a continuation in
// another machine leave out subtests, and its report has the names of the others.
func (w *walk) first(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	cleanups, err := cleanupsOf(t)
	if err != nil {
		t.Fatalf("FaultWalk: %v", err)
	}
	end := w.begin(t, 0)
	before := len(*cleanups)
	t.Cleanup(end) // if f ends the test
	f(t)
	if err := current.step.Calls(); err != nil {
		t.Errorf("FaultWalk: %v", err)
	}
	for len(*cleanups) > before { // the last one ends the step
		last := (*cleanups)[len(*cleanups)-1]
		*cleanups = (*cleanups)[:len(*cleanups)-1]
		last()
	}
	if t.Failed() {
		t.Fatal("FaultWalk: no call was made to fail, and yet the function fails")
	}
}

// step calls f with the failure of a call.
func (w *walk) step(t *testing.T, n int, f func(t *testing.T)) {
	t.Helper()
	t.Cleanup(w.begin(t, n))
	defer func() {
		if err := current.step.Calls(); err != nil {
			t.Errorf("FaultWalk: %v", err)
		}
	}()
	f(t)
}

// begin begins a step, and returns the function that ends it after all other cleanups.
func (w *walk) begin(t *testing.T, n int) func() {
	t.Helper()
	current.Lock()
	runtime.LockOSThread()
	step, err := faultwalk.Begin(n)
	if err != nil {
		current.Unlock()
		t.Fatalf("FaultWalk: %v", err)
	}
	current.step = step
	return func() {
		t.Helper()
		var usual *faultwalk.Report
		if n > 0 {
			usual = &w.usual
		}
		err := step.End(usual)
		current.step = nil
		runtime.UnlockOSThread()
		current.Unlock()
		if err != nil {
			t.Errorf("FaultWalk: %v", err)
			return
		}
		if n == 0 {
			w.usual = step.Report
		}
		w.judge(t, n, &step.Report)
	}
}

// judge reports the errors of a step.
func (w *walk) judge(t *testing.T, n int, r *faultwalk.Report) {
	t.Helper()
	for _, text := range r.Errors(&w.usual) {
		t.Error(text)
	}
	switch call, failed := r.FailedCall(); {
	case n == 0:
		for _, text := range r.Left {
			t.Error(text + " was still held when the module was unloaded")
		}
	case !failed:
		t.Errorf("no call has failed: the function has made %d calls, and at first %d", len(r.Calls), len(w.usual.Calls))
	case call != w.usual.Calls[n-1]:
		t.Logf("the call that failed was %s at %s", call.Function, call.Place)
	}
}
