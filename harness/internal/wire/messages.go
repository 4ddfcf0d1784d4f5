package wire

// ConfigFile is where PID 1 finds its Boot, in the initramfs.
const ConfigFile = "/etc/kmodtest/boot.json"

// Boot is what PID 1 is to do before it is ready for a job.
type Boot struct {
	// Transport holds the modules that the channel needs, in loading order;
	// names built into the kernel are passed over.
	Transport []string
	// Modules are the modules under test, in loading order.
	Modules []string
}

// Greeting is the guest's first record.
type Greeting struct {
	Release string // as of uname -r
}

// Readiness tells that the guest waits for a job, or why it can not.
type Readiness struct {
	// Module is the module under test that could not be loaded, and Error
	// the reason; both are empty when all are loaded.
	Module, Error string
}

// Work is a program to run.
type Work struct {
	Path string   // the binary's absolute path in the guest
	Args []string // Args[0] is the program's name
	Env  []string // in the form name=value
	Dir  string   // working directory
	// OneStream sends standard error where standard output goes, so that
	// their order is kept, and all of it arrives as Stdout.
	OneStream bool
	// Mkdir are directories to make before the program starts.
	Mkdir []string
	// Time is the host's clock, in nanoseconds since 1970, and Entropy fresh
	// random bytes: a guest that was restored has the clock and the random
	// pool of the one that was saved.
	Time    int64
	Entropy string
	// Mark is the word that marks in the kernel's log carry.
	Mark string
	// Timeout is that of the tests, in nanoseconds, or 0: just before it
	// ends, the kernel is asked what it is doing.
	Timeout int64
	// TimerSlack is how much later than asked for, in nanoseconds, the
	// program's sleeps may end, or 0 for the kernel's default.
	TimerSlack int64
	// Collect are files and directories to send back after it has ended,
	// as far as they are there and the job did not bring them.
	Collect []string
}

// Status is how the program ended.
type Status struct {
	Code   int // exit code, or -1 when a signal ended it
	Signal int // number of the signal that ended it, or 0
	// Finished tells that the test binary came to its regular end, and
	// did not leave by a stray os.Exit.
	Finished bool
	// Error says why the program could not be started.
	Error string
}

// Findings are what PID 1 saw when it cleaned up.
type Findings struct {
	// Unload are the modules that could not be unloaded, each with the reason
	// behind ": ".
	Unload []string
	// Taint are the faults that the kernel's taint tells of, and that were
	// not there before the modules were loaded.
	Taint []string
	// Errors are other things that went wrong in the guest, such as a file
	// that could not be sent.
	Errors []string
}

// FreshTest is a test that is to run in a machine of its own.
type FreshTest struct {
	ID    string // the guest's, for the answer
	Name  string
	Procs int // GOMAXPROCS
}

// FreshResult is how that ended.
type FreshResult struct {
	ID     string
	Passed bool
}

func (g *Greeting) fields(c codec) { c.text(&g.Release) }

func (r *Readiness) fields(c codec) {
	c.text(&r.Module)
	c.text(&r.Error)
}

func (w *Work) fields(c codec) {
	c.text(&w.Path)
	list(c, &w.Args)
	list(c, &w.Env)
	c.text(&w.Dir)
	flag(c, &w.OneStream)
	list(c, &w.Mkdir)
	c.number(&w.Time)
	c.text(&w.Entropy)
	c.text(&w.Mark)
	c.number(&w.Timeout)
	c.number(&w.TimerSlack)
	list(c, &w.Collect)
}

func (s *Status) fields(c codec) {
	integer(c, &s.Code)
	integer(c, &s.Signal)
	flag(c, &s.Finished)
	c.text(&s.Error)
}

func (f *Findings) fields(c codec) {
	list(c, &f.Unload)
	list(c, &f.Taint)
	list(c, &f.Errors)
}

func (t *FreshTest) fields(c codec) {
	c.text(&t.ID)
	c.text(&t.Name)
	integer(c, &t.Procs)
}

func (r *FreshResult) fields(c codec) {
	c.text(&r.ID)
	flag(c, &r.Passed)
}
