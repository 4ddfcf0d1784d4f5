package host

import (
	"fmt"
	"strings"
	"time"
)

// keys are what a kernel that hangs is asked, in this order, first of all to say
// everything on its console.
const keys = "8lwd"

// The kernel has answered when its console has been quiet for a while. Under
// emulation and on a busy host it may take long to begin.
const (
	answerEnds  = time.Second
	answerLimit = 20 * time.Second
)

// interrogate asks the kernel of a machine that hangs what it is doing; the
// answers are on the console. One that answers nothing is hit with an NMI. The
// machine is of no use afterwards.
func (m *machine) interrogate() {
	m.console.ask()
	for _, key := range []byte(keys) {
		// Where QEMU does not take the key there is no answer, which shows.
		_ = m.process.Press(m.ctx, key)
		m.awaitAnswers()
		if _, text := m.console.parts(); !strings.Contains(text, answer) {
			_ = m.process.Strike(m.ctx)
			m.awaitAnswers()
			return
		}
	}
}

// answer is what the kernel says when it was asked. It may say other things of its
// own.
const answer = "sysrq: "

// awaitAnswers waits until the console has said something and is quiet again.
func (m *machine) awaitAnswers() {
	_, before := m.console.parts()
	ticks := time.NewTicker(answerEnds)
	defer ticks.Stop()
	end := time.After(answerLimit)
	last := before
	for {
		select {
		case <-m.process.Ended():
			return
		case <-m.ctx.Done():
			return
		case <-end:
			return
		case <-ticks.C:
			_, now := m.console.parts()
			if now == last && now != before {
				return
			}
			last = now
		}
	}
}

// lateBeats is how many seconds, by the guest's clock, a test binary may go on
// without a word when its time is over.
const lateBeats = 10

// overdue tells that the tests' time is over: the test binary is about to say
// so, and to end. When it does not, a test is stuck in the kernel.
func (m *machine) overdue(timeout time.Duration) {
	m.lateText = fmt.Sprintf("the tests have outlived their timeout of %v, and do not end", timeout)
	m.late.Store(true)
}

// countLate ends a machine whose guest lives while the tests neither end nor say
// anything. A word of theirs resets it.
func (m *machine) countLate(spoke bool) {
	if spoke || !m.late.Load() {
		m.lateBeats = 0
		return
	}
	m.lateBeats++
	if m.lateBeats == lateBeats {
		go m.hang(&silenceError{m.lateText})
	}
}

// hang ends a machine that hangs, when it has told what it is doing.
func (m *machine) hang(reason *silenceError) {
	if !m.asked.CompareAndSwap(false, true) {
		return
	}
	m.interrogate()
	m.cancel(reason)
}

// account is what the kernel said that it was doing when the tests' time was over,
// or when it was asked.
func (m *machine) account(answers string) string {
	text := strings.TrimSpace(answers)
	if text == "" {
		text = strings.Join(m.course.dump, "\n")
	}
	if text == "" {
		return ""
	}
	return prefix + "what the kernel was doing:\n" + text + "\n"
}
