package report

import "slices"

// State is what became of a run, of one of its steps, or of a test.
type State string

// The states, from best to worst.
const (
	Passed  State = "passed"
	Skipped State = "skipped"
	NotRun  State = "not run" // it was not come to, or not asked for
	Broken  State = "broken"  // our side or the environment: nothing is known of the module
	Failed  State = "failed"  // a test, or a module that does not build, load or unload
	Fault   State = "fault"   // the kernel reported a fault, or died
)

// States are all states, from best to worst.
var States = []State{Passed, Skipped, NotRun, Broken, Failed, Fault}

// Worse says whether s is worse than other.
func (s State) Worse(other State) bool {
	return slices.Index(States, s) > slices.Index(States, other)
}

// Bad says whether s is a reason not to be content.
func (s State) Bad() bool { return s.Worse(NotRun) }

// Exit statuses of a matrix, beside 0.
const (
	StatusFailed      = 1
	StatusBroken      = 69 // EX_UNAVAILABLE of sysexits.h
	StatusInterrupted = 130
	StatusFault       = 255
)

// Status is the exit status that a matrix with these runs ends with: that of
// the worst. What is known of the module counts for more than that something
// is not known, so a failed test is worse than a broken environment. Runs that
// the report does not have count for nothing.
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

// State is that of the worst run, and NotRun if there is none.
func (r *Report) State() State {
	if len(r.Runs) == 0 {
		return NotRun
	}
	worst := Passed
	for _, run := range r.Runs {
		if run.State.Worse(worst) {
			worst = run.State
		}
	}
	return worst
}

// Counts says how many tests of the run are in each state.
func (r *Run) Counts() map[State]int {
	n := map[State]int{}
	for _, test := range r.Tests {
		n[test.State]++
	}
	return n
}

// Step returns the step of that name; one that the run does not have was not
// come to.
func (r *Run) Step(name string) Step {
	for _, step := range r.Steps {
		if step.Name == name {
			return step
		}
	}
	return Step{Name: name, State: NotRun}
}
