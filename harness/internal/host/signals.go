package host

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/kmodtest/kmodtest/harness/internal/machine"
)

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
