package machine

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
)

// usualSilence is how long a machine may show no sign of life: no record, and
// nothing on its console. A guest with a job sends a record each second.
func usualSilence(accel qemu.Accel) time.Duration {
	if accel == qemu.KVM {
		return 20 * time.Second
	}
	return 90 * time.Second
}

// limits are the times that a machine may take for signs of life. In both, a record
// and output on the console are such signs.
type limits struct {
	silence time.Duration // between two of them
	first   time.Duration // until the first one; 0 for no such limit
}

// firstSign is how long a machine under KVM may show no sign of life at all, if it
// is not certain that KVM works. A machine that boots needs about a second.
const firstSign = 10 * time.Second

// stoppage is longer than a busy host delays this process. After a longer gap the
// process was stopped, for example by Ctrl-Z, and records of the guest may wait to
// be read.
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
			switch age := v.signs.age(); {
			case v.untimed.Load():
			case v.limits.first > 0 && !v.signs.any.Load() && age > v.limits.first:
				// There may be no kernel yet that could be asked for its state.
				v.cancel(&verdict.SilenceError{Reason: fmt.Sprintf("the guest showed no sign of life for %v after its start", v.limits.first)})
			case age > v.limits.silence:
				v.endHanging(fmt.Sprintf("the guest has shown no sign of life for %v", v.limits.silence))
			}
		}
	}
}

// signs remembers the last sign of life. While it is held, the host causes the
// delay: the reader of the tests' output may be slow.
type signs struct {
	last atomic.Int64 // nanoseconds since epoch
	held atomic.Bool
	any  atomic.Bool // there was one
}

// epoch is the start of the times in signs, by the monotonic clock: nobody sets
// it, and it stops while the host is suspended.
var epoch = time.Now()

func (s *signs) note()    { s.last.Store(int64(time.Since(epoch))) }
func (s *signs) see()     { s.any.Store(true); s.note() }
func (s *signs) hold()    { s.held.Store(true) }
func (s *signs) release() { s.see(); s.held.Store(false) }

func (s *signs) age() time.Duration {
	if s.held.Load() {
		return 0
	}
	return time.Since(epoch) - time.Duration(s.last.Load())
}
