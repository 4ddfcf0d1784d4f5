package host

import (
	"github.com/kmodtest/kmodtest/harness/internal/replay"
	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
)

// remember keeps how to repeat a run of tests that did not pass, for kmodtest replay. err is
// the reason.
func remember(r *run, output *replay.Watcher, err error) {
	if err == nil || r.Kind == request.Program || isInterrupted(err) || r.cache == "" {
		return
	}
	kernel := r.env.Kernel
	if kernel == "" {
		kernel = r.Config.Kernel
	}
	if err := replay.New(r.Request, kernel, verdict.AsFailure(err).Error(), output).Save(r.cache); err != nil {
		r.say("cannot keep how to repeat the run: %v", err)
	}
}
