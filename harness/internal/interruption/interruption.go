// Package interruption ends a run that is interrupted: by a signal, or by the end of the program that started it.
package interruption

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/interrupt"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
)

// Context returns a context that ends when a signal asks this process to end, or when
// the given parent process ends (0: none), so that the machine ends with it. Its cause
// is then a *verdict.InterruptError. A SIGINT for which handled returns true does not end
// it. The function that is returned ends the context and the reception of signals.
func Context(ctx context.Context, parent int, handled func() bool) (context.Context, func()) {
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

// Or returns the failure of an interrupted run if ctx was interrupted, else err.
func Or(ctx context.Context, err error) error {
	var cause *verdict.InterruptError
	if errors.As(context.Cause(ctx), &cause) {
		return verdict.Interruption(cause)
	}
	return err
}

// Grace is how long a run may take to end when it was interrupted.
const Grace = 30 * time.Second

// EndAnyway waits, and calls end with the exit status of an interrupted run if the run has not
// ended within grace after the interrupt of ctx. So no guest can keep the user from
// ending the run. done is closed when the run has ended.
func EndAnyway(ctx context.Context, done <-chan struct{}, grace time.Duration, end func(status int)) {
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
