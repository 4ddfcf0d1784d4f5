package report

import (
	"slices"

	"github.com/kmodtest/kmodtest/harness/internal/exitstatus"
)

// State is the result of a run, of one of its steps, or of a test.
type State string

// The states, from best to worst.
const (
	Passed        State = "passed"
	Skipped       State = "skipped"
	NotApplicable State = "not applicable"  // the module's own configuration excludes the kernel
	Allowed       State = "allowed to fail" // it failed, and the plan of the matrix allows that; see Run.Judged
	NotRun        State = "not run"         // not reached, or not selected
	Broken        State = "broken"          // the harness, the host or the guest broke: the run shows nothing about the module
	Failed        State = "failed"          // a test, or a module that does not build, load or unload
	Fault         State = "fault"           // the kernel reported a fault, or died
)

// States are all states, from best to worst.
var States = []State{Passed, Skipped, NotApplicable, Allowed, NotRun, Broken, Failed, Fault}

// Worse reports whether s is worse than other.
func (s State) Worse(other State) bool {
	return slices.Index(States, s) > slices.Index(States, other)
}

// Bad reports whether s is Broken, Failed or Fault.
func (s State) Bad() bool { return s.Worse(NotRun) }

// Exit statuses of a matrix that did not pass.
const (
	StatusFailed      = exitstatus.TestFailed
	StatusBroken      = exitstatus.HostBroke
	StatusInterrupted = exitstatus.Signaled + 2 // SIGINT
	StatusFault       = exitstatus.KernelFault
)

// Status returns the exit status of a matrix with these runs: that of the worst
// run, or 0. A failed test is worse than a broken environment: it is a result.
// Missing runs do not count.
func (r *Report) Status() int {
	switch r.State() {
	case Fault:
		return StatusFault
	case Failed:
		return StatusFailed
	case Broken:
		return StatusBroken
	}
	return 0
}

// State returns the state of the worst run, or NotRun if there are no runs. Runs that
// are NotApplicable count only if there are no others.
func (r *Report) State() State {
	if len(r.Runs) == 0 {
		return NotRun
	}
	worst := NotApplicable
	for _, run := range r.Runs {
		if state := run.Judged(); worst == NotApplicable || state != NotApplicable && state.Worse(worst) {
			worst = state
		}
	}
	return worst
}

// Judged returns the state of the run as it counts for the report: Allowed if it failed and
// may.
func (r *Run) Judged() State {
	if r.Allowed != "" && r.State.Bad() {
		return Allowed
	}
	return r.State
}

// Counts returns how many tests of the run are in each state.
func (r *Run) Counts() map[State]int {
	n := map[State]int{}
	for _, test := range r.Tests {
		n[test.State]++
	}
	return n
}

// Step returns the step of that name, with state NotRun if the run has none.
func (r *Run) Step(name string) Step {
	for _, step := range r.Steps {
		if step.Name == name {
			return step
		}
	}
	return Step{Name: name, State: NotRun}
}
