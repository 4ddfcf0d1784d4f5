package report

import "slices"

// StepNames are the steps of a run, in order. A step has the name of the stage
// in the verdict of a run that fails there.
var StepNames = []string{"kernel", "build", "load", "tests", "checks"}

// stepOfPhase maps a phase to the step that its time is part of.
var stepOfPhase = map[string]string{
	"kernel":          "kernel",
	"build":           "build",
	"load":            "load", // the files of the job, for fresh machines
	"restore or boot": "load",
	"upload":          "tests",
	"tests":           "tests",
	"checks":          "checks",
	"exit":            "checks",
}

// Steps returns the steps of a run that ended in the given stage with the given
// state. Stage "" is "tests". In a run that passed, every step passed. In other
// runs, a step after that stage is NotRun unless the run has a phase of its name.
func Steps(state State, stage string, phases []Phase) []Step {
	if stage == "" {
		stage = "tests"
	}
	end := slices.Index(StepNames, stage)
	steps := make([]Step, len(StepNames))
	for i, name := range StepNames {
		steps[i] = Step{Name: name, State: Passed}
		for _, phase := range phases {
			if stepOfPhase[phase.Name] == name {
				steps[i].Seconds += phase.Seconds
			}
		}
		switch {
		case state == Passed:
		case i == end:
			steps[i].State = state
		case i > end && !slices.ContainsFunc(phases, func(p Phase) bool { return p.Name == name }):
			steps[i].State = NotRun
		}
	}
	return steps
}
