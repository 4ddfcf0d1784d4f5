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
			if v.signs.age() > v.silence {
				v.endHanging(fmt.Sprintf("the guest has shown no sign of life for %v", v.silence))
			}
		}
	}
}

// signs remembers the last sign of life. While it is held, the host causes the
// delay: the reader of the tests' output may be slow.
type signs struct {
	last atomic.Int64 // nanoseconds since epoch
	held atomic.Bool
}

// epoch is the start of the times in signs, by the monotonic clock: nobody sets
// it, and it stops while the host is suspended.
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
