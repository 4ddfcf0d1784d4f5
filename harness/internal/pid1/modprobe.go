package pid1

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/modprobe"
	"github.com/kmodtest/kmodtest/harness/internal/system"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// maxModuleRequests is the number of requests for modules that may be open at the same
// time. Further ones wait. The kernel itself has at most 50.
const maxModuleRequests = 64

// requestPatience is how long a program that connects may take to send its request.
const requestPatience = 10 * time.Second

// moduleRequests are the requests for modules, by the kernel and by programs. They
// are passed to the host, and the files that it sends to those who asked.
type moduleRequests struct {
	out     *wire.Writer
	release string
	slots   chan struct{} // has an element for each open request

	mu   sync.Mutex
	last int64 // ID
	open map[int64]*moduleRequest

	// The file that is arriving; only the reader of the channel uses it.
	file incomingModule
}

// moduleRequest is a request that waits for the host.
type moduleRequest struct {
	wire.ModuleRequest
	conn  int           // to the one who asked
	ended chan struct{} // is closed at the end of the answer
}

// incomingModule is the file of a module of which not all has arrived.
type incomingModule struct {
	head    wire.ModuleHead
	request *moduleRequest // nil if nobody waits for it
	fd      int            // -1 if it cannot be kept
	left    int64          // bytes
}

func newModuleRequests(out *wire.Writer, release string) *moduleRequests {
	return &moduleRequests{out: out, release: release, slots: make(chan struct{}, maxModuleRequests), open: map[int64]*moduleRequest{}}
}

// modprobeLinks are the places of the program that asks for modules. Files of the
// host take precedence, except where the kernel starts it.
var modprobeLinks = []string{modprobe.Path, "/sbin/modprobe"}

// listen makes the kernel start the program, and makes the socket. A kernel without Unix
// sockets cannot ask.
func (m *moduleRequests) listen() error {
	for _, link := range modprobeLinks {
		if err := os.Symlink("/init", link); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	// A kernel without loadable modules has no such file.
	if err := os.WriteFile("/proc/sys/kernel/modprobe", []byte(modprobe.Path), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("set the kernel's program for modules: %w", err)
	}
	return m.bind()
}

// bind makes the socket.
func (m *moduleRequests) bind() error {
	if err := os.Remove(modprobe.Socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EAFNOSUPPORT) {
		return nil
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: modprobe.Socket})
	}
	if err == nil {
		err = unix.Chmod(modprobe.Socket, 0o600)
	}
	if err == nil {
		err = unix.Listen(fd, maxModuleRequests)
	}
	if err != nil {
		return fmt.Errorf("listen on %s: %w", modprobe.Socket, err)
	}
	go m.accept(fd)
	return nil
}

// accept serves connections until the socket fails.
func (m *moduleRequests) accept(socket int) {
	for {
		m.slots <- struct{}{}
		conn, _, err := unix.Accept4(socket, unix.SOCK_CLOEXEC)
		switch {
		case err == nil:
			go m.serve(conn)
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED):
			<-m.slots
		default: // such as too many open files
			<-m.slots
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// serve passes the request of a connection to the host, and waits for the end of the
// answer.
func (m *moduleRequests) serve(conn int) {
	defer func() { <-m.slots }()
	defer unix.Close(conn)
	patience := unix.NsecToTimeval(requestPatience.Nanoseconds())
	if unix.SetsockoptTimeval(conn, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &patience) != nil {
		return
	}
	buf := make([]byte, modprobe.MaxName+2)
	n, err := system.File(conn).Read(buf)
	if err != nil {
		return
	}
	asked, err := modprobe.ParseRequest(buf[:n])
	if err != nil {
		reply(conn, modprobe.Reply{End: true, Found: modprobe.FoundError, Text: err.Error()})
		return
	}
	r := &moduleRequest{conn: conn, ended: make(chan struct{})}
	r.Name, r.ByKernel, r.NamesOnly = asked.Name, asked.Kind == modprobe.ByKernel, asked.Kind == modprobe.NamesOnly
	if !r.NamesOnly {
		r.Loaded = loadedModules()
	}
	m.mu.Lock()
	m.last++
	r.ID = m.last
	m.open[r.ID] = r
	m.mu.Unlock()
	if err := m.out.WriteMessage(wire.Modprobe, &r.ModuleRequest); err != nil {
		m.mu.Lock()
		delete(m.open, r.ID)
		m.mu.Unlock()
		reply(conn, modprobe.Reply{End: true, Found: modprobe.FoundError, Text: err.Error()})
		return
	}
	<-r.ended
}

// loadedModules returns the names of modules that are loaded, not of those that are
// being loaded or unloaded.
func loadedModules() []string {
	text, _ := os.ReadFile("/proc/modules") // without it, files are sent that are not needed
	var names []string
	for line := range bytes.Lines(text) {
		// name, size, references, users, state
		words := bytes.Fields(line)
		if len(words) > 4 && string(words[4]) == "Live" && len(names) < wire.MaxLoaded {
			names = append(names, string(words[0]))
		}
	}
	return names
}

// reply sends a reply, with its file if it has one. It never waits. If the other side
// does not take it, it has ended or will not continue.
func reply(conn int, r modprobe.Reply) {
	var rights []byte
	if !r.End && r.File >= 0 {
		rights = unix.UnixRights(r.File)
	}
	if _, err := unix.SendmsgN(conn, r.Encode(), rights, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL); err != nil {
		_ = unix.Shutdown(conn, unix.SHUT_RDWR)
	}
}

// repeat sends the open requests again: those that a machine had made when it was
// saved are unknown to the host of a restored one. An answer that comes twice is
// ignored.
func (m *moduleRequests) repeat() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.open {
		if err := m.out.WriteMessage(wire.Modprobe, &r.ModuleRequest); err != nil {
			return err
		}
	}
	return nil
}

// take acts on a record of the host's answer.
func (m *moduleRequests) take(rec wire.Record) error {
	switch rec.Type {
	case wire.ModuleFile:
		var head wire.ModuleHead
		if err := rec.Decode(&head); err != nil {
			return err
		}
		m.begin(head)
	case wire.ModuleData:
		if int64(len(rec.Payload)) > m.file.left {
			return errors.New("read from the host: more of a module than was announced")
		}
		m.file.write(rec.Payload)
	case wire.ModuleEnd:
		var result wire.ModuleResult
		if err := rec.Decode(&result); err != nil {
			return err
		}
		m.end(result)
		return nil
	}
	if m.file.left == 0 {
		m.file.deliver()
	}
	return nil
}

// begin notes that the file of a module arrives.
func (m *moduleRequests) begin(head wire.ModuleHead) {
	m.mu.Lock()
	request := m.open[head.ID]
	m.mu.Unlock()
	m.file = incomingModule{head: head, request: request, fd: -1, left: max(0, head.Size)}
	if request == nil || head.Size < 0 {
		return
	}
	var err error
	if m.file.fd, err = unix.MemfdCreate(head.Name, unix.MFD_CLOEXEC); err != nil {
		m.file.fail(err)
	}
}

// write keeps a piece of the file.
func (f *incomingModule) write(p []byte) {
	f.left -= int64(len(p))
	if f.fd < 0 {
		return
	}
	if _, err := system.File(f.fd).Write(p); err != nil {
		f.fail(err)
	}
}

// fail ends the answer to the request: the file cannot be kept.
func (f *incomingModule) fail(err error) {
	reply(f.request.conn, modprobe.Reply{End: true, Found: modprobe.FoundError, Text: fmt.Sprintf("keep module %s: %v", f.head.Name, err)})
	if f.fd >= 0 {
		unix.Close(f.fd)
	}
	f.fd, f.request = -1, nil
}

// deliver passes the file on. It can be read only: the kernel loads no file that is
// open for writing.
func (f *incomingModule) deliver() {
	if f.request == nil {
		return
	}
	r := modprobe.Reply{Role: modprobe.Role(f.head.Role), Text: f.head.Name, File: -1}
	if f.fd >= 0 {
		var err error
		r.File, err = unix.Open(filepath.Join("/proc/self/fd", fmt.Sprint(f.fd)), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			f.fail(err)
			return
		}
		unix.Close(f.fd)
		f.fd = -1
	}
	reply(f.request.conn, r)
	if r.File >= 0 {
		unix.Close(r.File)
	}
	f.request = nil
}

// end ends the answer to a request.
func (m *moduleRequests) end(result wire.ModuleResult) {
	m.mu.Lock()
	r := m.open[result.ID]
	delete(m.open, result.ID)
	m.mu.Unlock()
	if r == nil {
		return
	}
	text := result.Error
	if result.Found == wire.FoundNothing {
		text = m.release
	}
	reply(r.conn, modprobe.Reply{End: true, Found: modprobe.Found(result.Found), Text: text})
	close(r.ended)
}
