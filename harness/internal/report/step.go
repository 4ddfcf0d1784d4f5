package report

import "slices"

// StepNames are the steps of a run, in their order. A step's name is the stage
// that the harness names when it fails there.
var StepNames = []string{"kernel", "build", "load", "tests", "checks"}

// stepOfPhase says to which step the time of a phase counts.
var stepOfPhase = map[string]string{
	"kernel":          "kernel",
	"build":           "build",
	"load":            "load", // of the job, for fresh machines
	"restore or boot": "load",
	"upload":          "tests",
	"tests":           "tests",
	"checks":          "checks",
	"exit":            "checks",
}

// Steps are those of a run that ended in the given stage with the given state;
// stage "" is that of the tests. A passing run went through all of them, and one
// whose tests failed through the checks as well, if it has a phase of theirs.
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
