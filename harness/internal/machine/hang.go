package machine

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/verdict"
)

// endHanging asks the kernel of a hanging machine for its state, and ends the
// machine. reason is a sentence without a period.
func (v *vm) endHanging(reason string) {
	if !v.asked.CompareAndSwap(false, true) {
		return
	}
	v.interrogate()
	v.writeImage()
	v.cancel(&verdict.SilenceError{Reason: reason})
}

// patience is how long a machine may take until it is ready for a job, and to take
// the files of one, even if it shows signs of life: a kernel that prints without
// end does.
const patience = 15 * time.Minute

// within ends the machine after v.patience, unless stop is called before. what is
// the beginning of the reason: what the guest has not done by then.
func (v *vm) within(what string) (stop func() bool) {
	return time.AfterFunc(v.patience, func() { v.endHanging(fmt.Sprintf("%s in %v", what, v.patience)) }).Stop
}

// keys are the SysRq keys that are sent to a kernel that hangs, in this order. The
// first one sets the console's log level, so that it prints the answers.
const keys = "8lwd"

// The kernel has answered when it has printed something and then nothing for
// answerEnds. Under emulation and on a busy host the answer may begin late.
const (
	answerEnds  = time.Second
	answerLimit = 20 * time.Second
)

// interrogate makes the kernel print its state to the console. If it does not
// react to keys, it gets an NMI. The machine cannot be used afterwards.
func (v *vm) interrogate() {
	v.console.ask()
	for _, key := range []byte(keys) {
		_ = v.process.Press(v.ctx, key) // if QEMU does not take the key, there is no answer
		v.awaitConsole()
		if _, text := v.console.parts(); !strings.Contains(text, answer) {
			if v.process.Strike(v.ctx) == nil { // not every machine has an NMI
				v.awaitConsole()
			}
			return
		}
	}
}

// answer begins the kernel's answer to a key. It may print other lines by itself.
const answer = "sysrq: "

// awaitConsole waits until the kernel has printed something and is quiet again.
func (v *vm) awaitConsole() {
	_, before := v.console.parts()
	ticks := time.NewTicker(answerEnds)
	defer ticks.Stop()
	end := time.After(answerLimit)
	last := before
	for {
		select {
		case <-v.process.Ended():
			return
		case <-v.ctx.Done():
			return
		case <-end:
			return
		case <-ticks.C:
			_, now := v.console.parts()
			if now == last && now != before {
				return
			}
			last = now
		}
	}
}

// lateness counts how long a test binary stays silent after its timeout.
type lateness struct {
	over   atomic.Bool
	beats  int // heartbeats since the test binary printed something
	reason string
}

// begin notes that the tests have exceeded their timeout: the test binary is about
// to print that and to exit. If it does not, a test is stuck in the kernel.
func (l *lateness) begin(timeout time.Duration) {
	l.reason = fmt.Sprintf("the tests have exceeded their timeout of %v and do not end", timeout)
	l.over.Store(true)
}

// lateBeats is how many seconds, by the guest's clock, a test binary may stay
// silent after its timeout.
const lateBeats = 10

// beat counts a heartbeat of the guest, and reports whether to end the machine:
// the guest responds, but the tests neither end nor print anything.
func (l *lateness) beat() bool {
	if !l.over.Load() {
		return false
	}
	l.beats++
	return l.beats == lateBeats
}
