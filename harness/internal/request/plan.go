package request

// PlanVariable is the environment variable with which a test binary is asked on
// the host which tests it would run. It answers on the descriptor PlanFile with
// JSON: one PlanHead, then a PlanStep for each test, in their order.
const PlanVariable = "KMODTEST_PLAN"

// PlanFile is the file descriptor of the answer.
const PlanFile = 3

// PlanHead is what does not depend on the flags.
type PlanHead struct {
	Names     []string // of all tests, benchmarks, fuzz targets and examples
	CoverMode string   // as of testing.CoverMode
}

// PlanStep is one run of a top-level test, fuzz target or example.
type PlanStep struct {
	Name  string
	Procs int // GOMAXPROCS
}
