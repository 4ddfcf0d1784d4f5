// Package interrupt lists the signals that interrupt a run.
package interrupt

import (
	"os"
	"os/signal"
	"syscall"
)

// Signals returns SIGTERM, and SIGINT and SIGHUP unless this process ignores them: under
// nohup, it ignores SIGHUP.
func Signals() []os.Signal {
	signals := []os.Signal{syscall.SIGTERM}
	for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGHUP} {
		if !signal.Ignored(sig) {
			signals = append(signals, sig)
		}
	}
	return signals
}
