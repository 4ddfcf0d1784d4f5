package matrix

import "github.com/kmodtest/kmodtest/harness/internal/report"

// Viewer is told what happens, by many goroutines at once.
type Viewer interface {
	// LeftOut tells of a package that is not run, and why.
	LeftOut(pkg, why string)
	// Plan tells what will be run, and how many machines at once.
	Plan(jobs []*Job, machines int)
	Started(job *Job)
	// Note tells what the harness says of its doing before the tests.
	Note(job *Job, text string)
	// Test tells that a test or subtest has begun (report.NotRun) or ended.
	Test(job *Job, test report.Test)
	Finished(job *Job, run *report.Run)
	// Close tells that nothing more will come.
	Close()
}
