package qemu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/qemu/board"
	"github.com/kmodtest/kmodtest/harness/internal/qmp"
)

// NotFoundError reports that QEMU was not found.
type NotFoundError struct {
	Binary string
	Err    error
}

func (e *NotFoundError) Error() string {
	b := board.For(e.Binary)
	return fmt.Sprintf("QEMU is missing: %v; install it (Debian and Ubuntu: apt-get install %s; "+
		"Fedora: dnf install %s) or name its path in KMODTEST_QEMU", e.Err, b.Debian, b.Fedora)
}

func (e *NotFoundError) Unwrap() error { return e.Err }

// Find returns the absolute path of QEMU's program; binary is a path, or a name in PATH.
// The error is a *NotFoundError.
func Find(binary string) (string, error) {
	path, err := exec.LookPath(binary)
	if err == nil {
		path, err = filepath.Abs(path) // QEMU may be started in another directory
	}
	if err != nil {
		return "", &NotFoundError{Binary: binary, Err: err}
	}
	return path, nil
}

// Process is a running QEMU.
type Process struct {
	// Channel is the host's end of the virtio-serial port.
	Channel net.Conn

	*Inspection

	board   board.Board
	slots   *board.Slots
	monitor *qmp.Client
	keys    *os.File   // the console's input
	talking sync.Mutex // with the monitor
	cmd     *exec.Cmd
	stderr  lastBytes
	ended   chan struct{}
	err     error // valid once ended is closed
}

// Start starts the machine. The console's output is written to console, from one
// goroutine. QEMU is killed when ctx is done; the kernel kills it when this
// process ends in any way, so it is never left behind. Its environment is not
// that of this process.
func Start(ctx context.Context, c Config, console io.Writer) (*Process, error) {
	path, err := Find(c.Binary)
	if err != nil {
		return nil, err
	}
	args, err := c.Args()
	if err != nil {
		return nil, fmt.Errorf("QEMU's command line: %w", err)
	}
	b, _ := board.Of(c.Arch) // Args has found it
	files, err := openFiles()
	if err != nil {
		return nil, err
	}
	defer files.close()

	typed, keys, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe for QEMU: %w", err)
	}
	defer typed.Close()
	p := &Process{Channel: files.channel, board: b, slots: board.NewSlots(b), monitor: qmp.New(files.monitor), keys: keys, ended: make(chan struct{})}
	p.Inspection = &Inspection{p}
	p.cmd = exec.CommandContext(ctx, path, args...)
	p.cmd.Dir = c.Dir
	p.cmd.Env = environment()
	p.cmd.Stdin = typed
	p.cmd.Stdout = console
	p.cmd.Stderr = &p.stderr
	p.cmd.ExtraFiles = files.theirs
	p.cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: syscall.SIGKILL,
		Setpgid:   true, // an interrupt from the terminal is for this process only
	}
	started := make(chan error)
	go run(p, started)
	if err := <-started; err != nil {
		closeEnds(p)
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return p, nil
}

// run starts QEMU and waits until it ends, on one thread: the kernel sends the
// parent death signal when the thread that started a process ends.
func run(p *Process, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	p.err = p.cmd.Wait()
	close(p.ended)
}

// files are both ends of the connections with QEMU.
type files struct {
	channel, monitor *net.UnixConn // ours
	theirs           []*os.File    // in the order of their descriptors
}

func openFiles() (f files, err error) {
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	for _, ours := range []**net.UnixConn{&f.channel, &f.monitor} {
		conn, theirs, err := socketPair()
		if err != nil {
			return f, fmt.Errorf("make a socket pair for QEMU: %w", err)
		}
		*ours = conn
		f.theirs = append(f.theirs, theirs)
	}
	return f, nil
}

// close closes QEMU's ends, which this process does not use.
func (f files) close() {
	for _, file := range f.theirs {
		file.Close()
	}
}

func socketPair() (ours *net.UnixConn, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	f := os.NewFile(uintptr(fds[0]), "channel")
	defer f.Close()
	theirs = os.NewFile(uintptr(fds[1]), "channel")
	conn, err := net.FileConn(f)
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return conn.(*net.UnixConn), theirs, nil
}

// PID returns QEMU's process ID.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ended returns a channel that is closed when QEMU has ended and all of the
// console's output has been written.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Err returns how QEMU ended. It is valid once Ended is closed: nil for exit
// status 0, even if QEMU printed warnings; otherwise the error includes Said. An
// exit with status 0 because of a signal, or of gdb, is an error, too.
func (p *Process) Err() error {
	said := p.Said()
	switch {
	case p.err != nil && said != "":
		return fmt.Errorf("%w: %s", p.err, said)
	case p.err == nil && (strings.Contains(said, "terminating on signal") || strings.Contains(said, "Terminated via GDBstub")):
		return errors.New(said)
	}
	return p.err
}

// Said returns QEMU's standard error: warnings and errors. It is valid once Ended
// is closed.
func (p *Process) Said() string { return strings.TrimSpace(p.stderr.String()) }

// Kill kills QEMU and waits until it has ended. Data that QEMU sent before can
// still be read from Channel. Kill may be called at any time, from any goroutine,
// and more than once.
func (p *Process) Kill() {
	// The only possible error is that QEMU has ended already.
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// Stop is Kill, and closes the connections with QEMU.
func (p *Process) Stop() {
	p.Kill()
	closeEnds(p)
}

func closeEnds(p *Process) {
	p.Channel.Close()
	p.monitor.Close()
	p.keys.Close()
}

// CommandLine returns QEMU's command line, quoted for a shell.
func (p *Process) CommandLine() string {
	words := make([]string, len(p.cmd.Args))
	for i, word := range p.cmd.Args {
		words[i] = quote(word)
	}
	words[0] = quote(p.cmd.Path)
	return strings.Join(words, " ")
}

func quote(word string) string {
	if word != "" && !strings.ContainsAny(word, " \t\n'\"\\$&|;<>()*?[]#~`!{}") {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// replyLimit is how long QEMU may take to pass a key or an NMI on: one that is itself stuck does not reply.
const replyLimit = 20 * time.Second

// Press sends a magic SysRq key on the console. The kernel answers if at least
// one processor takes interrupts of the serial line: 'l' prints the backtraces of
// all processors, 'w' the blocked tasks, and 'd' the locks that are held, if
// lockdep is on. See Documentation/admin-guide/sysrq.rst of the kernel.
func (p *Process) Press(ctx context.Context, key byte) error {
	ctx, cancel := context.WithTimeout(ctx, replyLimit)
	defer cancel()
	return p.converse(ctx, func(m *qmp.Client) error {
		if err := m.Run("chardev-send-break", map[string]any{"id": consoleName}); err != nil {
			return err
		}
		if _, err := p.keys.Write(append([]byte(p.board.KeyPrefix), key)); err != nil {
			return fmt.Errorf("send a key to the console: %w", err)
		}
		return nil
	})
}

// Strike sends an NMI to the first processor, which takes it even with interrupts
// off. The kernel panics and prints that processor's backtrace. Not every machine has an NMI.
func (p *Process) Strike(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, replyLimit)
	defer cancel()
	return p.converse(ctx, func(m *qmp.Client) error { return m.Run("inject-nmi", nil) })
}
