package machine

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/qemu"
)

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
