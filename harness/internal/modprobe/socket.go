package modprobe

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Path is the program that the kernel starts when it asks for a module, and Socket
// the socket of PID 1. Both are in the initramfs itself: the kernel starts the program
// in the root directory of its own threads, which has no mounts.
const (
	Path   = "/etc/kmodtest/modprobe"
	Socket = "/etc/kmodtest/modprobe.socket"
)

// Kind is the kind of a request: who asks, and for what.
type Kind byte

// The kinds of requests.
const (
	ByKernel  Kind = 'k' // the kernel asks for modules
	ByProgram Kind = 'p' // a program asks for modules
	NamesOnly Kind = 'n' // a program asks for the names of modules
)

// MaxName is the longest name in a request in bytes.
const MaxName = 1 << 10

// maxReply is the longest reply in bytes; it ends with a reason.
const maxReply = 66 << 10

// Request asks for the modules of a name.
type Request struct {
	Kind Kind
	Name string
}

// ParseRequest reads a request.
func ParseRequest(b []byte) (Request, error) {
	if len(b) < 2 || len(b) > 1+MaxName {
		return Request{}, fmt.Errorf("a request of %d bytes", len(b))
	}
	r := Request{Kind(b[0]), string(b[1:])}
	switch r.Kind {
	case ByKernel, ByProgram, NamesOnly:
		return r, nil
	}
	return r, fmt.Errorf("an unknown kind of request: %q", b[0])
}

// Role is the reason why a module is loaded. The values are those of package wire.
type Role byte

// The roles.
const (
	Soft Role = iota
	Dependency
	Target
)

// Reply is a module, or the end of the answer to a request.
type Reply struct {
	End   bool
	Role  Role   // of a module
	Found Found  // at the end
	Text  string // name of the module; at the end the kernel's release or the reason of an error
	File  int    // file descriptor; -1 without a file
}

// Found is the result of a request. The values are those of package wire.
type Found byte

// The results.
const (
	FoundModules Found = iota
	FoundBuiltin
	FoundNothing
	FoundError
)

// Encode returns the reply as it is sent, without its file.
func (r Reply) Encode() []byte {
	if r.End {
		return append([]byte{'e', byte(r.Found)}, r.Text...)
	}
	return append([]byte{'m', byte(r.Role)}, r.Text...)
}

// err returns the error for a result.
func (r Reply) err(name string) error {
	switch r.Found {
	case FoundModules:
		return nil
	case FoundBuiltin:
		return ErrBuiltin
	case FoundNothing:
		return &MissingError{name, r.Text}
	}
	return errors.New(r.Text)
}

// conversation is a connection to PID 1.
type conversation int

func (c conversation) close() { _ = unix.Close(int(c)) }

// ask sends a request to PID 1.
func ask(r Request) (conversation, error) {
	if len(r.Name) > MaxName || r.Name == "" {
		return -1, fmt.Errorf("the name of a module has %d bytes, want 1 to %d", len(r.Name), MaxName)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("ask the guest's first process: %w", err)
	}
	for {
		if err = unix.Connect(fd, &unix.SockaddrUnix{Name: Socket}); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err == nil {
		_, err = unix.SendmsgN(fd, append([]byte{byte(r.Kind)}, r.Name...), nil, nil, unix.MSG_NOSIGNAL)
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("ask the guest's first process: %w", &os.PathError{Op: "connect", Path: Socket, Err: err})
	}
	return conversation(fd), nil
}

// next waits for the next reply.
func (c conversation) next() (Reply, error) {
	buf, control := make([]byte, maxReply), make([]byte, unix.CmsgSpace(4))
	var n, used int
	var err error
	for {
		n, used, _, _, err = unix.Recvmsg(int(c), buf, control, unix.MSG_CMSG_CLOEXEC)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return Reply{}, fmt.Errorf("ask the guest's first process: %w", err)
	}
	if n < 2 {
		return Reply{}, errors.New("the guest's first process has not answered a request for a module")
	}
	r := Reply{End: buf[0] == 'e', Role: Role(buf[1]), Found: Found(buf[1]), Text: string(buf[2:n]), File: -1}
	messages, err := unix.ParseSocketControlMessage(control[:used])
	if err != nil || len(messages) == 0 {
		return r, err
	}
	files, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(files) == 0 {
		return r, err
	}
	r.File = files[0]
	return r, nil
}
