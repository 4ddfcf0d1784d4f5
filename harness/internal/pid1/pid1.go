// Package pid1 is the first process of a guest. It sets up the system, loads the
// modules under test, runs one job that the host sends, and reports the result. It
// ends only with the machine.
package pid1

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/hostmount"
	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/leaks"
	"github.com/kmodtest/kmodtest/harness/internal/modprobe"
	"github.com/kmodtest/kmodtest/harness/internal/mounts"
	"github.com/kmodtest/kmodtest/harness/internal/stdin"
	"github.com/kmodtest/kmodtest/harness/internal/system"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Main runs PID 1. It does not return: at its end it switches the machine off. An
// error is printed on the console first. In any other process it is modprobe, or exits
// with status 2.
func Main() {
	if os.Getpid() != 1 && modprobe.IsCommand(os.Args[0]) {
		os.Exit(modprobe.Main(os.Args))
	}
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "kmodtest-init: this program is the first process of a kmodtest guest and does nothing elsewhere")
		os.Exit(2)
	}
	// PID 1 runs one job and makes little garbage: up to a limit, a collection
	// would cost more than it frees.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(64 << 20)
	surviveSignals()
	switchOff(run())
}

// surviveSignals makes signals that a test sends do nothing, as to any first process. Go ends at most of
// these, and the kernel then panics. The programs that PID 1 starts get the signals' usual actions.
func surviveSignals() {
	signal.Notify(make(chan os.Signal, 1), // nobody reads
		unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGILL, unix.SIGTRAP, unix.SIGABRT, unix.SIGBUS, unix.SIGFPE, unix.SIGSEGV,
		unix.SIGPIPE, unix.SIGTERM, unix.SIGSTKFLT, unix.SIGSYS)
}

// switchOff prints the error, if there is one, and switches the machine off.
func switchOff(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "kmodtest-init:", err)
	}
	// If this fails, the kernel panics because its first process ends.
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

// run sets up the system and serves the host until it closes the channel.
func run() error {
	if err := mounts.Make(); err != nil {
		return err
	}
	if err := system.SetUp(); err != nil {
		return err
	}
	if err := system.WriteFile(inside.GuestFile, ""); err != nil {
		return err
	}
	boot, err := readBoot()
	if err != nil {
		return err
	}
	if boot.TestCrypto {
		testCrypto()
	}
	if err := system.MakeNodes(boot.Nodes); err != nil {
		return err
	}
	port, err := openPort(boot.Transport)
	if err != nil {
		return err
	}
	g := &guest{channel: port, in: wire.NewReader(port), out: wire.NewWriter(port), boot: boot}
	return g.serve()
}

// guest is the state of PID 1 once the channel is open.
type guest struct {
	channel system.File
	in      *wire.Reader
	out     *wire.Writer
	boot    wire.Boot
	log     *kernelLog
	// requests are those of the tests to the host.
	requests *requests
	// modules are the requests for modules.
	modules *moduleRequests
	// host are the host's files.
	host *hostmount.Files
	// pid is the job's program, once it runs.
	pid atomic.Int64
	// input is the program's standard input from the host.
	input *stdin.Input
	// logLost reports that records were lost while the modules were loaded.
	logLost bool
	// tainted is the kernel's taint before the modules were loaded.
	tainted taint
	// scan finds memory that the modules leak; nil if the kernel has no kmemleak.
	scan *leaks.Scan
}

// beatEvery is the time between two Beat records.
const beatEvery = time.Second

// serve greets the host, loads the modules, and runs one job.
func (g *guest) serve() error {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return fmt.Errorf("uname: %w", err)
	}
	release := unix.ByteSliceToString(name.Release[:])
	var err error
	if g.log, err = streamKernelLog(g.out); err != nil {
		return err
	}
	// Records before the greeting belong to the boot. Some of them may be lost:
	// there can be more than the log has room for.
	if _, err := g.log.Sync(); err != nil {
		return err
	}
	if err := g.out.WriteMessage(wire.Hello, &wire.Greeting{Release: release}); err != nil {
		return err
	}
	if g.tainted, err = readTaint(); err != nil {
		return err
	}
	g.requests = newRequests(g.out)
	if err := g.requests.listen(); err != nil {
		return err
	}
	g.modules = newModuleRequests(g.out, release)
	if err := g.modules.listen(); err != nil {
		return err
	}
	g.host = hostmount.NewFiles(g.boot.Host, g.out)
	go func() { // a module may request others, for which the channel must be read
		if err := g.load(); err != nil {
			switchOff(err)
		}
	}()
	files := newStore(g.host)
	work, err := g.receive(files)
	if err != nil {
		return err
	}
	g.input = stdin.New(work, g.out)
	hostGone := make(chan error, 1)
	go func() { hostGone <- g.relay() }()
	go g.beat()
	err = files.queue.Wait()
	var p *process
	if err == nil {
		p, err = g.begin(work)
	}
	if err != nil {
		return g.refuse(err, hostGone)
	}
	g.pid.Store(int64(p.pid))
	accountWhenLate(work, p.pid)
	return g.attend(p, work, files, hostGone)
}

// load loads the modules and tells the host that the guest is ready.
func (g *guest) load() (err error) {
	ready := wire.Readiness{}
	if g.boot.Host {
		ready = g.host.Show()
		if err := g.modules.bind(); err != nil { // overlayfs does not connect to sockets of lower layers
			return err
		}
	}
	if ready.Error == "" {
		ready = loadModules(g.boot)
	}
	if g.scan, err = leaks.NewScan(); err != nil {
		return err
	}
	if g.logLost, err = g.log.Sync(); err != nil {
		return err
	}
	return g.out.WriteMessage(wire.Ready, &ready)
}

// begin starts the job's program.
func (g *guest) begin(work wire.Work) (*process, error) {
	if err := g.modules.repeat(); err != nil {
		return nil, err
	}
	if err := g.host.Begin(work.Expose); err != nil {
		return nil, err
	}
	if err := refresh(work); err != nil {
		return nil, err
	}
	g.requests.prepare(work)
	return start(work, int(g.channel), g.out, g.input)
}

// beat sends Beat records until the channel is closed.
func (g *guest) beat() {
	for range time.Tick(beatEvery) {
		if g.out.Write(wire.Beat, nil) != nil {
			return
		}
	}
}

// receive waits for the job, and stores the files that come before it.
func (g *guest) receive(files *store) (work wire.Work, err error) {
	for {
		rec, err := g.in.Read()
		if err != nil {
			return work, fmt.Errorf("wait for a job: %w", err)
		}
		switch rec.Type {
		case wire.File, wire.Data, wire.FileEnd:
			err = files.take(rec)
		case wire.Beat:
			if err := files.answer(g.out); err != nil {
				return work, err
			}
		case wire.Inspect:
			if err := g.inspect(string(rec.Payload)); err != nil {
				return work, err
			}
		case wire.ModuleFile, wire.ModuleData, wire.ModuleEnd:
			if err := g.modules.take(rec); err != nil {
				return work, err
			}
		case wire.HostReply:
			if err := g.host.Take(rec); err != nil {
				return work, err
			}
		case wire.Job:
			return work, rec.Decode(&work)
		default:
			return work, fmt.Errorf("wait for a job: unexpected %v record", rec.Type)
		}
		if err != nil {
			return work, g.refuse(err, g.ignore())
		}
	}
}

// ignore reads records until the host closes the channel.
func (g *guest) ignore() <-chan error {
	gone := make(chan error, 1)
	go func() {
		for {
			if _, err := g.in.Read(); err != nil {
				gone <- err
				return
			}
		}
	}()
	return gone
}

// refuse tells the host why the job cannot run, and waits until the host ends the
// machine.
func (g *guest) refuse(reason error, hostGone <-chan error) error {
	if err := g.out.WriteMessage(wire.Exit, &wire.Status{Code: -1, Error: reason.Error()}); err != nil {
		return err
	}
	if err := <-hostGone; err != nil {
		return errors.Join(reason, err)
	}
	return reason
}

// attend waits for the job's program to end, makes the checks and reports both.
func (g *guest) attend(p *process, work wire.Work, files *store, hostGone <-chan error) error {
	status := p.wait()
	status.Scans = g.scan != nil
	if err := g.out.WriteMessage(wire.Exit, &status); err != nil {
		return err
	}
	var findings wire.Findings
	var err error
	if findings.Errors, err = files.sendBack(work, g.out); err != nil {
		return err
	}
	leaked, err := g.unload(&findings)
	if err != nil {
		return err
	}
	lost, err := g.log.Sync()
	if err != nil {
		return err
	}
	for _, report := range leaked {
		if err := g.log.add(report); err != nil {
			return err
		}
	}
	tainted, err := readTaint()
	if err != nil {
		return err
	}
	findings.Taint = tainted.since(g.tainted)
	if lost || g.logLost {
		findings.Errors = append(findings.Errors, "the kernel logged faster than its log could be read; a fault may be among the lost records")
	}
	if err := g.out.WriteMessage(wire.Checks, &findings); err != nil {
		return err
	}
	if err := g.out.Write(wire.Done, nil); err != nil {
		return err
	}
	return <-hostGone
}

// unload unloads the modules under test. If all of them have gone and the kernel is sound, it
// looks for memory that they have leaked, and returns the reports.
func (g *guest) unload(findings *wire.Findings) (leaked []string, err error) {
	var noted error
	if g.scan != nil {
		noted = g.scan.Note() // a test may have loaded more of them
	}
	findings.Unload = unloadModules(g.boot.Modules)
	tainted, err := readTaint()
	if err != nil || g.scan == nil || len(g.boot.Modules) == 0 || len(findings.Unload) > 0 || len(tainted.since(g.tainted)) > 0 {
		return nil, err
	}
	leaked, err = g.scan.End()
	if err := errors.Join(noted, err); err != nil && !errors.Is(err, fs.ErrPermission) { // it has switched itself off, and has said so
		findings.Errors = append(findings.Errors, fmt.Sprintf("memory that modules leak cannot be found: %v", err))
	}
	return leaked, nil
}

// relay passes the host's signals on to the job's program, and its answers to the
// tests' requests and to those for modules, until the host closes the channel.
func (g *guest) relay() error {
	for {
		rec, err := g.in.Read()
		if errors.Is(err, io.EOF) || errors.Is(err, fs.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read from the host: %w", err)
		}
		switch {
		case rec.Type == wire.Signal && len(rec.Payload) == 1:
			// An error means that the program has just ended. Before its
			// start there is nothing to signal.
			if pid := int(g.pid.Load()); pid != 0 {
				_ = unix.Kill(pid, syscall.Signal(rec.Payload[0]))
			}
		case rec.Type == wire.Input || rec.Type == wire.Resize:
			if err := g.input.Take(rec); err != nil {
				return err
			}
		case rec.Type == wire.Reply:
			if err := g.requests.finish(rec); err != nil {
				return err
			}
		case rec.Type == wire.ModuleFile || rec.Type == wire.ModuleData || rec.Type == wire.ModuleEnd:
			if err := g.modules.take(rec); err != nil {
				return err
			}
		case rec.Type == wire.HostReply:
			if err := g.host.Take(rec); err != nil {
				return err
			}
		default:
			return fmt.Errorf("read from the host: unexpected %v record", rec.Type)
		}
	}
}
