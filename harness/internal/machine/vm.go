package machine

import (
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/devices"
	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
)

// process is QEMU's process, a *qemu.Process.
type process interface {
	PID() int
	Ended() <-chan struct{}
	Err() error
	Said() string
	CommandLine() string
	Press(ctx context.Context, key byte) error
	Strike(ctx context.Context) error
	Save(ctx context.Context, state *os.File) error
	Restore(ctx context.Context, state *os.File) error
	inspection
	devices.Machine
	Kill()
	Stop()
}

// vm is a QEMU process under supervision.
type vm struct {
	config  qemu.Config
	process process
	channel io.ReadWriter // to the guest
	console *console
	signs   signs // of life
	limits  limits
	ctx     context.Context
	cancel  context.CancelCauseFunc
	memory  *os.File    // the guest's, if it can be read after its death; else nil
	asked   atomic.Bool // it hangs, and was asked for its state
	untimed atomic.Bool // it may take any time
	image   *image      // of its memory; nil if none is wanted

	patience time.Duration // see within
}

// start starts QEMU. The machine ends with ctx, and when it has shown no sign of
// life for too long.
func start(ctx context.Context, config qemu.Config, limits limits) (*vm, error) {
	v := newVM(ctx, config, limits)
	p, err := qemu.Start(v.ctx, config, v.console)
	if err != nil {
		v.cancel(nil)
		return nil, err
	}
	v.process, v.channel = p, p.Channel
	go v.watch()
	return v, nil
}

func newVM(ctx context.Context, config qemu.Config, limits limits) *vm {
	v := &vm{config: config, limits: limits, patience: patience}
	v.signs.note()
	v.ctx, v.cancel = context.WithCancelCause(ctx)
	v.console = newConsole(v.signs.see)
	return v
}

// PID returns the number of QEMU's process.
func (v *vm) PID() int { return v.process.PID() }

// Debug stops the machine until a debugger at a Unix socket lets it continue. From then
// on the machine may show no sign of life, and its tests may run, for any time.
func (v *vm) Debug(socket string) error {
	v.untimed.Store(true)
	return v.process.Debug(v.ctx, socket)
}

// Cancel ends the machine. The conversation with the guest ends with the cause.
func (v *vm) Cancel(cause error) { v.cancel(cause) }

// explain returns why the channel broke: what ended the machine, if that is the
// reason, else err.
func (v *vm) explain(err error) error {
	if cause := context.Cause(v.ctx); cause != nil {
		return cause
	}
	// When the channel ends, QEMU is ending. After any other error the machine
	// is of no use.
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		return err
	}
	<-v.process.Ended()
	if cause := context.Cause(v.ctx); cause != nil {
		return cause
	}
	return &verdict.EndError{Err: v.process.Err()}
}
