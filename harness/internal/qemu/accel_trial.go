package qemu

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// trial makes a virtual machine under KVM on a thread of its own, which is
// abandoned if it takes too long.
//
// A process instead of the thread would cost tens of milliseconds, the start of a
// test binary, and would run the initialization of its packages once more.
type trial struct {
	host
	step      atomic.Value // string: the thread's present system call
	thread    atomic.Int32 // its ID; 0 before it starts
	abandoned atomic.Bool  // the thread must only clean up
	cleanup   []func()     // run in reverse order, by the thread
}

// grace is how long the signals to an abandoned thread continue.
const grace = time.Second

var errAbandoned = errors.New("abandoned")

// tryKVM returns nil if KVM can run a virtual processor, or the reason why not.
func (h host) tryKVM() error {
	t := &trial{host: h}
	tried, ended := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread() // for its ID; calls for a virtual processor should also come from one thread
		defer runtime.UnlockOSThread()
		t.thread.Store(int32(unix.Gettid()))
		tried <- t.run()
		close(ended)
		for _, clean := range slices.Backward(t.cleanup) {
			clean()
		}
	}()
	timer := time.NewTimer(h.limit)
	defer timer.Stop()
	select {
	case err := <-tried:
		return err
	case <-timer.C:
	}
	slow := t.slow()
	t.abandoned.Store(true)
	go t.interrupt(ended)
	return slow
}

// interrupt ends the thread's system call with a signal. KVM_RUN, like other calls
// that wait, then fails with EINTR. The signal is sent repeatedly because one that
// arrives just before the call does not end it; so there is no need for the field
// immediate_exit or a signal mask. The signal is SIGURG, which Go's runtime sends to
// its own threads for preemption, and which has no other effect.
//
// A thread that ignores signals is left behind. It delays this process's exit only
// if it ignores SIGKILL as well, as QEMU's threads then would.
func (t *trial) interrupt(ended <-chan struct{}) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range grace / time.Millisecond {
		if thread := t.thread.Load(); thread != 0 {
			_ = unix.Tgkill(os.Getpid(), int(thread), unix.SIGURG) // fails if the thread has ended
		}
		select {
		case <-ended:
			return
		case <-tick.C:
		}
	}
}

// slow returns the error for the step that takes too long.
func (t *trial) slow() error {
	step, _ := t.step.Load().(string)
	switch step {
	case "": // the thread did not start
		return fmt.Errorf("this host is too busy: KVM was not tried within %v", t.limit)
	case stepRun:
		return fmt.Errorf("a virtual processor did not run within %v", t.limit)
	}
	return fmt.Errorf("%s did not return within %v", step, t.limit)
}

// do makes a system call, and repeats it after a signal until the trial is
// abandoned. Its error begins with the step.
func (t *trial) do(step string, call func() (int, error)) (int, error) {
	t.step.Store(step)
	for !t.abandoned.Load() {
		n, err := call()
		switch {
		case err == nil:
			return n, nil
		case !errors.Is(err, unix.EINTR):
			return 0, fmt.Errorf("%s: %w", step, err)
		}
	}
	return 0, errAbandoned
}

// ioctl is do for an ioctl whose argument is a number.
func (t *trial) ioctl(step string, fd int, request, arg uintptr) (int, error) {
	return t.do(step, func() (int, error) { return t.kernel.ioctl(fd, request, arg) })
}
