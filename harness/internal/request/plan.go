package request

// PlanVariable is the environment variable that makes a test binary, on the host,
// list the tests that it would run. It writes JSON to the file descriptor PlanFile: one
// PlanHead, then a PlanStep for each test, in order.
const PlanVariable = "KMODTEST_PLAN"

// PlanFile is the file descriptor of the answer.
const PlanFile = 3

// PlanHead is the part of the answer that does not depend on the flags.
type PlanHead struct {
	Names     []string // names of all tests, benchmarks, fuzz targets and examples
	CoverMode string   // the result of testing.CoverMode
}

// PlanStep is one run of a top-level test, fuzz target or example.
type PlanStep struct {
	Name  string
	Procs int // GOMAXPROCS
}
