package host

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/interrupt"
	"github.com/kmodtest/kmodtest/harness/internal/machine"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
)

// untilInterrupted returns a context that ends when a signal asks this process to
// end, or when the given parent process ends (0: none), so that the machine ends
// with it. An interrupt for which handled returns true does not end it.
func untilInterrupted(ctx context.Context, parent int, handled func() bool) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, interrupt.Signals()...)
	go func() {
		for sig := range signals {
			if sig != syscall.SIGINT || !handled() {
				cancel(&verdict.InterruptError{Signal: sig.(syscall.Signal)})
			}
		}
	}()
	if parent != 0 {
		go whenEnds(parent, func() { cancel(&verdict.InterruptError{Signal: syscall.SIGTERM, Orphan: true}) })
	}
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}

// whenEnds calls f when the parent process ends, or if it is not the parent any
// more. Without it, this process would not notice that a go command was
// killed: its tests would continue without a reader.
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

// endFuzzing passes an interrupt on to tests that fuzz, once: people end fuzzing
// that way, and its results must be sent back. It reports whether tests fuzz.
func (r *run) endFuzzing() bool {
	m := r.fuzzing.Swap(nil)
	if m == nil {
		return false
	}
	r.say("interrupted: fuzzing ends, and its results are sent back; interrupt again to end the machine")
	go func() { // a guest that reads nothing must not hold up the next interrupt
		// The reader of the channel reports its errors.
		_ = m.Signal(syscall.SIGINT)
	}()
	return true
}

// endGrace is how long a run may take to end when it was interrupted.
const endGrace = 30 * time.Second

// endAnyway calls end with the exit status of an interrupted run if the run has not
// ended within grace after the interrupt of ctx. So no guest can keep the user from
// ending the run. done is closed when the run has ended.
func endAnyway(ctx context.Context, done <-chan struct{}, grace time.Duration, end func(status int)) {
	select {
	case <-ctx.Done():
	case <-done:
		return
	}
	var cause *verdict.InterruptError
	if !errors.As(context.Cause(ctx), &cause) {
		return
	}
	select {
	case <-time.After(grace):
		end(verdict.Interruption(cause).Status)
	case <-done:
	}
}

// relayQuit passes SIGQUIT on to the test binary, which then prints its
// goroutines: the go command sends it when a test takes too long. stop ends the
// relay.
func relayQuit(m *machine.Machine) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGQUIT)
	go func() {
		for range signals {
			// The reader of the channel reports an error of it.
			_ = m.Signal(syscall.SIGQUIT)
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
	}
}
