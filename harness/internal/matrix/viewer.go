package matrix

import "github.com/kmodtest/kmodtest/harness/internal/report"

// Viewer shows the progress of a matrix. Its methods are called by several
// goroutines at once.
type Viewer interface {
	// LeftOut is called for a package that is not run, with the reason.
	LeftOut(pkg, why string)
	// Plan is called once, with all jobs and the number of machines at once.
	Plan(jobs []*Job, machines int)
	// Started is called when a job begins.
	Started(job *Job)
	// Note is called with what the harness of a job does before the tests.
	Note(job *Job, text string)
	// Test is called when a test or subtest has begun (report.NotRun) or ended.
	Test(job *Job, test report.Test)
	// Finished is called when a job has ended.
	Finished(job *Job, run *report.Run)
	// Close is called last.
	Close()
}
