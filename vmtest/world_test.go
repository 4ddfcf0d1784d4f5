package vmtest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// modelSockets are the sockets in each namespace of the world. The first is also
// used to read the state of the namespace.
var modelSockets = []protocol{
	rawSocket,
	udpSocket,
	tcpSocket,
	{"ICMP", unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP},
	pingSocket,
	udp6Socket,
	tcp6Socket,
}

// A world is the system that the model describes: the module, network namespaces
// with sockets, a thread without capabilities, and memory. It belongs to the
// goroutine that creates it, and locks that goroutine to its thread.
type world struct {
	file       moduleFile
	loaded     bool
	base       int32
	namespaces [modelNamespaces][]socket
	buffer     memory
	optlen     memory
	weak       chan func() // functions for a thread without capabilities to run
}

// newWorld returns a world that cleanup restores when the test ends.
func newWorld(t *testing.T) *world {
	t.Helper()
	reload(t) // also makes cleanup load the module
	guest.NewNetworkNamespace(t)
	w := &world{file: findModuleFile(t), loaded: true, base: uapi.SocketOpsBase, weak: make(chan func())}
	w.buffer, w.optlen = guarded(t, 0, unix.Getpagesize()), guarded(t, 0, unix.Getpagesize())
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked, so the thread ends with its goroutine
		var none [2]unix.CapUserData
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		ready <- unix.Capset(&header, &none[0])
		for do := range w.weak {
			do()
		}
	}()
	if err := <-ready; err != nil {
		t.Fatalf("drop capabilities: %v", err)
	}
	t.Cleanup(func() {
		close(w.weak)
		for i := range w.namespaces {
			w.close(i)
		}
		if w.loaded && w.base != uapi.SocketOpsBase {
			if err := w.file.unload(); err != nil {
				t.Errorf("cleanup: %v", err)
			}
		}
	})
	return w
}

// begin resets the world to the state of a new model.
func (w *world) begin() error {
	for i := range w.namespaces {
		if err := w.renew(i); err != nil {
			return err
		}
	}
	if w.loaded && w.base == uapi.SocketOpsBase {
		return nil
	}
	if w.loaded {
		if errno := w.unload(); errno != 0 {
			return fmt.Errorf("unload module: %w", errno)
		}
	}
	if errno := w.load(uapi.SocketOpsBase); errno != 0 {
		return fmt.Errorf("load module: %w", errno)
	}
	return nil
}

func (w *world) close(namespace int) {
	for _, s := range w.namespaces[namespace] {
		_ = unix.Close(s.fd)
	}
	w.namespaces[namespace] = nil
}

// renew replaces a network namespace by a new one.
func (w *world) renew(namespace int) error {
	w.close(namespace)
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("create network namespace: %w", err)
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ping_group_range", []byte("0 0"), 0o644); err != nil {
		return fmt.Errorf("allow ping sockets: %w", err)
	}
	for _, p := range modelSockets {
		fd, err := unix.Socket(p.domain, p.kind|unix.SOCK_CLOEXEC, p.protocol)
		if err != nil {
			return fmt.Errorf("open %s socket: %w", p.name, err)
		}
		w.namespaces[namespace] = append(w.namespaces[namespace], socket{fd})
	}
	return nil
}

func (w *world) load(base int32) unix.Errno {
	errno := errnoOf(w.file.load(base))
	if errno == 0 {
		w.loaded, w.base = true, base
	}
	return errno
}

func (w *world) unload() unix.Errno {
	errno := errnoOf(w.file.unload())
	if errno == 0 {
		w.loaded = false
	}
	return errno
}

// errnoOf returns the errno in an error, 0 for nil, and ENODATA, which none of the
// calls here returns, for an error without an errno.
func errnoOf(err error) unix.Errno {
	var errno unix.Errno
	switch {
	case err == nil:
		return 0
	case errors.As(err, &errno):
		return errno
	}
	return unix.ENODATA
}

// do runs an operation and returns its outcome.
func (w *world) do(op operation) (outcome, error) {
	switch op.kind {
	case "load":
		return outcome{err: w.load(op.command)}, nil
	case "unload":
		return outcome{err: w.unload()}, nil
	case "renew":
		return outcome{}, w.renew(op.namespace)
	}
	var out outcome
	if op.privileged {
		out = w.call(op)
	} else {
		done := make(chan outcome)
		w.weak <- func() { done <- w.call(op) }
		out = <-done
	}
	page := w.buffer.page
	before := page[:len(page)-max(op.room, 0)]
	if bytes.Count(before, []byte{filler}) != len(before) {
		return out, fmt.Errorf("%s wrote before its buffer", op.kind)
	}
	return out, nil
}

// call makes a set or a get.
func (w *world) call(op operation) outcome {
	end := w.buffer.address + uintptr(len(w.buffer.page))
	address, content := end-uintptr(max(op.room, 0)), op.content()
	if op.room < 0 {
		address = 0
	}
	copy(w.buffer.page, bytes.Repeat([]byte{filler}, len(w.buffer.page)))
	room := w.buffer.page[len(w.buffer.page)-len(content):]
	copy(room, content)
	if op.access == "ro" {
		w.buffer.protect(unix.PROT_READ)
		defer w.buffer.protect(unix.PROT_READ | unix.PROT_WRITE)
	}
	s := w.namespaces[op.namespace][op.socket]
	if op.kind == "set" {
		errno := errnoOf(s.set(op.command, address, op.length))
		return outcome{err: errno, optlen: op.length, buffer: string(room)}
	}
	errno, optlen := w.get(s, op, address)
	return outcome{err: errno, optlen: optlen, buffer: string(room)}
}

// get makes a get, with optlen in the memory that the operation names.
func (w *world) get(s socket, op operation, to uintptr) (unix.Errno, int32) {
	const size = 4
	page := w.optlen.page
	place, address := page[len(page)-size:], w.optlen.address+uintptr(len(page)-size)
	binary.NativeEndian.PutUint32(place, uint32(op.length))
	switch op.optlen {
	case "null":
		address = 0
	case "short":
		address++
	case "ro":
		w.optlen.protect(unix.PROT_READ)
		defer w.optlen.protect(unix.PROT_READ | unix.PROT_WRITE)
	}
	errno := errnoOf(s.getAt(op.command, to, address))
	return errno, int32(binary.NativeEndian.Uint32(place))
}
