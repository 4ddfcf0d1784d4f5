package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"

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
	Kill()
	Stop()
}

// vm is a QEMU process under supervision.
type vm struct {
	config  qemu.Config
	process process
	channel io.ReadWriter // to the guest
	console *console
	signs   signs         // of life
	silence time.Duration // without a sign of life, after which the machine ends
	ctx     context.Context
	cancel  context.CancelCauseFunc
	memory  *os.File    // the guest's, if it can be read after its death; else nil
	asked   atomic.Bool // it hangs, and is being asked what it does
}

// start starts QEMU. The machine ends with ctx, and when it has shown no sign of
// life for the time of silence.
func start(ctx context.Context, config qemu.Config, silence time.Duration) (*vm, error) {
	v := newVM(ctx, config, silence)
	p, err := qemu.Start(v.ctx, config, v.console)
	if err != nil {
		v.cancel(nil)
		return nil, err
	}
	v.process, v.channel = p, p.Channel
	go v.watch()
	return v, nil
}

func newVM(ctx context.Context, config qemu.Config, silence time.Duration) *vm {
	v := &vm{config: config, silence: silence}
	v.signs.note()
	v.ctx, v.cancel = context.WithCancelCause(ctx)
	v.console = newConsole(v.signs.note)
	return v
}

// PID returns the number of QEMU's process.
func (v *vm) PID() int { return v.process.PID() }

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

// usualSilence is how long a machine may show no sign of life: no record, and
// nothing on its console. A guest with a job sends a record each second.
func usualSilence(accel qemu.Accel) time.Duration {
	if accel == qemu.KVM {
		return 20 * time.Second
	}
	return 90 * time.Second
}

// stoppage is a time for which other work does not keep this process from
// running: it was stopped, as by Ctrl-Z, and the guest's records wait to be read.
const stoppage = 5 * time.Second

// watch ends a machine that shows no sign of life.
func (v *vm) watch() {
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	for last := time.Now(); ; last = time.Now() {
		select {
		case <-v.ctx.Done():
			return
		case <-v.process.Ended():
			return
		case <-ticks.C:
			if time.Since(last) > stoppage {
				v.signs.note()
			}
			if v.signs.age() > v.silence {
				v.endHanging(fmt.Sprintf("the guest has shown no sign of life for %v", v.silence))
			}
		}
	}
}

// signs remembers the last sign of life. While it is held, the delay is the
// host's: the reader of the tests' output may be slow.
type signs struct {
	last atomic.Int64 // nanoseconds since epoch
	held atomic.Bool
}

// epoch makes times comparable that come from the monotonic clock, which nobody
// sets and which stands still while the host is suspended.
var epoch = time.Now()

func (s *signs) note()    { s.last.Store(int64(time.Since(epoch))) }
func (s *signs) hold()    { s.held.Store(true) }
func (s *signs) release() { s.note(); s.held.Store(false) }

func (s *signs) age() time.Duration {
	if s.held.Load() {
		return 0
	}
	return time.Since(epoch) - time.Duration(s.last.Load())
}
