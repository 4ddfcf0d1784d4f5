package host

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/interrupt"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// interruptError is the cause of a context that a signal has ended, or the end
// of the go command that started us.
type interruptError struct {
	signal syscall.Signal
	orphan bool
}

func (e *interruptError) Error() string {
	if e.orphan {
		return "the go command that started the tests is gone"
	}
	return fmt.Sprintf("interrupted (%v)", e.signal)
}

// untilInterrupted returns a context that ends when this process is asked to
// end, or when the given one does (0: none), so that the machine ends with it. An
// interrupt for which take returns true has been dealt with.
func untilInterrupted(ctx context.Context, parent int, take func() bool) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, interrupt.Signals()...)
	go func() {
		for sig := range signals {
			if sig != syscall.SIGINT || !take() {
				cancel(&interruptError{signal: sig.(syscall.Signal)})
			}
		}
	}()
	if parent != 0 {
		go whenEnds(parent, func() { cancel(&interruptError{signal: syscall.SIGTERM, orphan: true}) })
	}
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}

// whenEnds calls f when the parent process ends, or if it is no longer the
// parent. Nothing else would tell the binary that a go command was killed: it
// would finish its tests for no one.
func whenEnds(parent int, f func()) {
	fd, err := unix.PidfdOpen(parent, 0)
	if os.Getppid() != parent {
		f()
		return
	}
	if err != nil {
		return // before Linux 5.3
	}
	defer unix.Close(fd)
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
		if n == 1 {
			f()
			return
		}
		if err != nil && err != unix.EINTR {
			return
		}
	}
}

// endFuzzing hands an interrupt on to tests that fuzz, once: that is how people
// end them, and what they have found is to come back.
func (r *run) endFuzzing() bool {
	out := r.fuzzing.Swap(nil)
	if out == nil {
		return false
	}
	r.say("interrupted: the fuzzing ends, and what it has found comes back; another interrupt ends the machine")
	return out.Write(wire.Signal, []byte{byte(syscall.SIGINT)}) == nil
}
