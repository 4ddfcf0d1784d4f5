package host

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/kmodtest/kmodtest/harness/internal/debugger"
	"github.com/kmodtest/kmodtest/harness/internal/environment"
	"github.com/kmodtest/kmodtest/harness/internal/explain"
	"github.com/kmodtest/kmodtest/harness/internal/kbuild"
	"github.com/kmodtest/kmodtest/harness/internal/klog"
	"github.com/kmodtest/kmodtest/harness/internal/machine"
	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/harness/internal/timeline"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
	"github.com/kmodtest/kmodtest/harness/internal/vmcore"
	"github.com/kmodtest/kmodtest/images"
)

// observers look into the machines of a run from outside. A field is nil if it is not
// wanted.
type observers struct {
	debugger  *debugger.Debugger
	images    *vmcore.Keeper
	explainer *explain.Explainer
}

func newObservers(env environment.Variables, r request.Request, kernel *images.Kernel, built []*kbuild.Result) (o observers) {
	if env.GDB {
		o.debugger = &debugger.Debugger{Kernel: kernel.Boot, Release: kernel.Release, Modules: built}
	}
	if env.Dump != "" {
		o.images = &vmcore.Keeper{Dir: env.Dump, Name: filepath.Base(r.Dir) + "-" + kernel.Release, Kernel: kernel.Boot, Modules: built}
	}
	if env.Explain {
		o.explainer = explain.NewExplainer(kernel.Boot, built)
	}
	return o
}

// observation is what the observers do with one machine. Its zero value does nothing.
type observation struct {
	job     *job
	images  *vmcore.Images // of the machine's memory; nil if none are wanted
	hung    bool           // the machine was ended because it, or its tests, hung
	ofDeath string         // a line for the output of the test that was active when the machine ended
}

// begin adds to a job what the observers need. The caller calls the returned function when
// the conversation with the guest has ended.
func (o *observation) begin(j *job, m *machine.Machine, work *machine.Job) (end func(), err error) {
	o.job, end = j, func() {}
	if d := j.run.observers.debugger; d != nil {
		if end, err = d.Attach(m, work, o.announce); err != nil {
			return nil, err
		}
	}
	if k := j.run.observers.images; k != nil {
		if o.images, err = k.Attach(m, work); err != nil {
			end()
			return nil, err
		}
	}
	return end, nil
}

// announce prints the command with which gdb attaches to the machine.
func (o *observation) announce(command string) {
	title := "the machine"
	if name := o.job.group.machineName(); name != "" {
		title += " of " + name
	}
	// The machine waits, and nobody knows for what: an error cannot be reported anywhere.
	_, _ = io.WriteString(o.job.group.stderr, fmt.Sprintf("%s%s waits for gdb:\n    %s\n", verdict.Prefix, title, command))
}

// note notes what ended the conversation with the guest.
func (o *observation) note(err error) {
	var silence *verdict.SilenceError
	o.hung = errors.As(err, &silence)
}

// deadly are the kinds of faults of which the kernel dies, as the harness configures it.
var deadly = []klog.Kind{klog.Panic, klog.NullDereference, klog.PageFault, klog.GeneralProtection, klog.Oops, klog.Bug}

// takeImage takes an image of the running machine after the first fault with which the
// kernel goes on, once its report is complete.
func (o *observation) takeImage() {
	if o.images == nil || o.images.Taken() {
		return
	}
	faults := o.job.machine.Timeline.Unexpected()
	if len(faults) == 0 || faults[0].Open && !faults[0].Whole || faults[0].Awaits || slices.Contains(deadly, faults[0].Kind) {
		return
	}
	path, err := o.images.Take(causeOf(faults[0]))
	if err != nil { // the machine may just have ended: then there is an image of that
		o.job.run.say("no image of the machine's memory after its first fault: %v", err)
	}
	o.tell(path)
	o.job.reporter.Image = path
}

// keepImage keeps the image of the death of the machine, which has ended.
func (o *observation) keepImage() error {
	if o.images == nil {
		return nil
	}
	log := o.job.machine.Timeline
	faults, active := log.Unexpected(), log.Active()
	var cause vmcore.Cause
	switch {
	case len(faults) > 0:
		cause = causeOf(faults[len(faults)-1])
	case !o.hung:
		o.images.Drop() // the faults have turned out to be allowed
		return nil
	}
	if len(active) > 0 {
		cause.Test = active[0].Name
	}
	path, err := o.images.Keep(cause)
	o.tell(path)
	if path == "" {
		return err
	}
	o.ofDeath = "the memory of the machine is in " + path + "\n"
	return err
}

// causeOf returns a fault as the cause of an image.
func causeOf(f timeline.Finding) vmcore.Cause {
	c := vmcore.Cause{Report: f.Report}
	if len(f.Tests) > 0 {
		c.Test = f.Tests[0].Name
	}
	return c
}

// tell prints where an image is. An empty path means no image.
func (o *observation) tell(path string) {
	if path != "" {
		o.job.run.say("the memory of the machine is kept in %s: %s", path, o.job.run.observers.images.Command(path))
	}
}

// close removes what is not kept.
func (o *observation) close() {
	if o.images != nil {
		o.images.Close()
	}
}
