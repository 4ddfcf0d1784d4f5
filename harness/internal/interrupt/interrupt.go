// Package interrupt knows the signals by which people end what runs.
package interrupt

import (
	"os"
	"os/signal"
	"syscall"
)

// Signals are those of SIGTERM, SIGINT and SIGHUP that this process was not
// started to ignore, as nohup has it ignore SIGHUP.
func Signals() []os.Signal {
	signals := []os.Signal{syscall.SIGTERM}
	for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGHUP} {
		if !signal.Ignored(sig) {
			signals = append(signals, sig)
		}
	}
	return signals
}
