package wire

import "math"

// SetupFile is the path of the Setup record in the initramfs.
const SetupFile = "/etc/kmodtest/setup"

// Boot is what PID 1 does before it is ready for a job.
type Boot struct {
	// Transport holds the paths of the modules that the channel needs, in loading order.
	// It is empty if they are built into the kernel.
	Transport []string
	// Load are names of the kernel's modules that are loaded before those under
	// test. The host has their files.
	Load []string
	// Modules are the modules under test that PID 1 loads, in this order.
	Modules []Module
	// Host makes the host's files visible.
	Host bool
	// TestCrypto makes the kernel test cryptographic algorithms from then on: it booted
	// with the parameter cryptomgr.notests.
	TestCrypto bool
	// Nodes are the devices that load a module when they are opened.
	Nodes []Node
}

// Module is a module under test.
type Module struct {
	Name       string
	Parameters string // as insmod takes them: "size=4 debug=1"
}

// Node is a device file in /dev.
type Node struct {
	Name         string // relative to /dev
	Block        bool   // a block device, else a character device
	Major, Minor uint32
}

func (b *Boot) fields(c codec) {
	c.list(&b.Transport, maxList, path)
	c.list(&b.Load, maxList, argument)
	b.Modules = sized(c, b.Modules, maxList)
	for i := range b.Modules {
		c.text(&b.Modules[i].Name, argument)
		c.text(&b.Modules[i].Parameters, argument)
	}
	flag(c, &b.Host)
	flag(c, &b.TestCrypto)
	b.Nodes = sized(c, b.Nodes, maxList)
	for i := range b.Nodes {
		n := &b.Nodes[i]
		c.text(&n.Name, path)
		flag(c, &n.Block)
		unsigned(c, &n.Major)
		unsigned(c, &n.Minor)
	}
}

// Greeting is the guest's first record.
type Greeting struct {
	Release string // the kernel release, as of uname -r
}

// Readiness reports that the guest waits for a job, or why it cannot.
type Readiness struct {
	// Module is the module under test that could not be loaded, and Error
	// the reason. Both are empty if all are loaded.
	Module, Error string
}

// Work describes the program of a job.
type Work struct {
	Path string   // the binary's absolute path in the guest
	Args []string // Args[0] is the program's name
	Env  []string // in the form name=value
	Dir  string   // working directory
	// OneStream sends standard error where standard output goes, so that
	// their order is kept and all of it arrives as Stdout.
	OneStream bool
	// Events makes PID 1 mark the events of a test binary that does not mark them
	// itself, as it reads them from standard output.
	Events bool
	// Program is any program: its exit code alone tells how it ended.
	Program bool
	// Input gives the program the bytes of Input records as its standard input;
	// without it, that is empty.
	Input bool
	// Terminal makes standard input, output and error a terminal of this size. It
	// implies Input and OneStream.
	Terminal bool
	Window   Window
	// Mkdir are directories to make before the program starts.
	Mkdir []string
	// Settings are texts to add to files of the kernel before the program starts, in the
	// form "path text". What the kernel refuses is noted in its log.
	Settings []string
	// Expose is a directory of the host that the guest's own file systems hide, and
	// that is to be visible; "" for none.
	Expose string
	// Time is the host's clock, in nanoseconds since 1970, and Entropy fresh
	// random bytes: a restored guest has the clock and the random pool of the
	// saved one.
	Time    int64
	Entropy string
	// Mark is the word that ends each mark in the kernel log.
	Mark string
	// Timeout is the tests' timeout in nanoseconds; 0 is none. Shortly before
	// it ends, PID 1 makes the kernel log its state.
	Timeout int64
	// TimerSlack is how much later than requested the program's sleeps may
	// end, in nanoseconds; 0 means the kernel's default.
	TimerSlack int64
	// Collect are files and directories to send back after the program has
	// ended. PID 1 skips those that do not exist and files that came with the
	// job and did not change.
	Collect []string
	// Keep are patterns of files to send back, too: see package keep.
	Keep []string
}

// Window is the size of a terminal in characters.
type Window struct{ Rows, Columns int }

func (w *Window) fields(c codec) {
	integer(c, &w.Rows, 0, math.MaxUint16)
	integer(c, &w.Columns, 0, math.MaxUint16)
}

// Status reports how the program ended. Code is -1 exactly if Signal or Error is
// set.
type Status struct {
	Code   int // exit code, 0 to 255, or -1
	Signal int // number of the signal that killed the program, or 0
	// Finished reports that harness.Main ran to its end and that the program
	// then exited with the code of the tests. The program under test can forge
	// it on purpose, but not by a stray os.Exit: see package inside.
	Finished bool
	// Error is the reason why the program could not be started, or empty.
	Error string
	// Scans reports that the checks look for memory that modules have leaked, which
	// takes long.
	Scans bool
}

// Findings report the checks after the program has ended. Each list has at most
// MaxFindings entries.
type Findings struct {
	// Unload are the modules that could not be unloaded, each followed by
	// ": " and the reason.
	Unload []string
	// Taint are the faults in the kernel's taint that were not there before
	// the modules were loaded.
	Taint []string
	// Errors are other failures in the guest, such as a file that could not
	// be sent.
	Errors []string
}

func (g *Greeting) fields(c codec) { c.text(&g.Release, word) }

func (r *Readiness) fields(c codec) {
	c.text(&r.Module, path)
	c.text(&r.Error, reason)
}

func (w *Work) fields(c codec) {
	c.text(&w.Path, path)
	c.list(&w.Args, maxList, argument)
	c.list(&w.Env, maxList, argument)
	c.text(&w.Dir, path)
	flag(c, &w.OneStream)
	flag(c, &w.Events)
	flag(c, &w.Program)
	flag(c, &w.Input)
	flag(c, &w.Terminal)
	w.Window.fields(c)
	c.list(&w.Mkdir, maxList, path)
	c.list(&w.Settings, maxList, argument)
	c.text(&w.Expose, path)
	any64(c, &w.Time)
	c.text(&w.Entropy, entropy)
	c.text(&w.Mark, word)
	any64(c, &w.Timeout)
	any64(c, &w.TimerSlack)
	c.list(&w.Collect, maxList, path)
	c.list(&w.Keep, maxList, path)
}

func (s *Status) fields(c codec) {
	integer(c, &s.Code, -1, maxCode)
	integer(c, &s.Signal, 0, maxSignal)
	flag(c, &s.Finished)
	flag(c, &s.Scans)
	c.text(&s.Error, reason)
	c.check((s.Code < 0) == (s.Signal != 0 || s.Error != ""), "the exit code does not match the signal and the error")
	c.check(s.Code >= 0 || !s.Finished, "a program without an exit code has not finished")
}

func (f *Findings) fields(c codec) {
	c.list(&f.Unload, MaxFindings, reason)
	c.list(&f.Taint, MaxFindings, reason)
	c.list(&f.Errors, MaxFindings, reason)
}
