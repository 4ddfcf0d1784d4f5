//go:build !386 && !arm

package vmtest

import (
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// After a BPF program has rewritten a set, the module gets data in kernel memory. From a 32-bit program it does not.
func TestSetWithDataRewrittenByBPF(t *testing.T) {
	const other = 30000 // a command that no module owns
	all := func(parts ...asm.Instructions) (out asm.Instructions) {
		for _, part := range parts {
			out = append(out, part...)
		}
		return out
	}
	for _, c := range []struct {
		name    string
		rewrite asm.Instructions
		command int32
		message string
		err     error
		last    string
		counts  uapi.Stats
	}{
		{"a byte", bpfPut(0, 'X'), uapi.SocketOpsSet, "a message", nil, "X message", uapi.Stats{Sets: 1, SetBytes: 9}},
		{"a shorter length", bpfStore(bpfOptlen, 3), uapi.SocketOpsSet, "a message", nil, "a m", uapi.Stats{Sets: 1, SetBytes: 3}},
		// The kernel's buffer is zeroed and has room for at least 16 bytes.
		{"a longer length", bpfStore(bpfOptlen, 16), uapi.SocketOpsSet, "a message", nil, "a message\x00\x00\x00\x00\x00\x00\x00", uapi.Stats{Sets: 1, SetBytes: 16}},
		{"a length that fits", all(bpfStore(bpfOptlen, 64), bpfPut(63, '!')), uapi.SocketOpsSet, longest("m") + "m", nil, longest("m")[1:] + "!", uapi.Stats{Sets: 1, SetBytes: 64}},
		{"a byte of a message that is too long", bpfPut(0, 'X'), uapi.SocketOpsSet, longest("m") + "m", unix.EINVAL, "old", uapi.Stats{Rejected: 1}},
		{"the command", bpfStore(bpfOptname, uapi.SocketOpsSet), other, "a message", nil, "a message", uapi.Stats{Sets: 1, SetBytes: 9}},
		// The kernel handles the following lengths itself: 0 means the caller's
		// own data, -1 means that the call is done, and a length beyond the
		// buffer is an error of the program.
		{"length 0", all(bpfPut(0, 'X'), bpfStore(bpfOptlen, 0)), uapi.SocketOpsSet, "a message", nil, "a message", uapi.Stats{Sets: 1, SetBytes: 9}},
		{"length -1", bpfStore(bpfOptlen, -1), uapi.SocketOpsSet, "a message", nil, "old", uapi.Stats{}},
		{"a length beyond the buffer", bpfStore(bpfOptlen, 65), uapi.SocketOpsSet, longest("m"), unix.EFAULT, "old", uapi.Stats{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, m := newSocket(t), message(t, c.message)
			s.store(t, "old")
			s.wantCounts(t, c.counts, "a set in which BPF has rewritten "+c.name, func() {
				t.Run("set", func(t *testing.T) {
					attachRewriter(t, ebpf.AttachCGroupSetsockopt, c.rewrite, bpfPass)
					wantErrno(t, s.set(c.command, m.address, int32(len(m.data))), c.err, "set in which BPF has rewritten %s", c.name)
				})
			})
			s.wantLast(t, c.last, "after a set in which BPF has rewritten "+c.name)
		})
	}
}

// A BPF program that rewrites a get runs after the module, which has then already
// written to the caller's memory and counted the get.
func TestGetWithAnswerRewrittenByBPF(t *testing.T) {
	for _, c := range []struct {
		name    string
		rewrite asm.Instructions
		verdict int32
		err     error
		length  int32
		buffer  string
	}{
		{"a byte", bpfPut(0, 'X'), bpfPass, nil, 24, "X" + greeting[1:]},
		{"a shorter length", bpfStore(bpfOptlen, 5), bpfPass, nil, 5, greeting},
		// The kernel's buffer is zeroed and as long as the caller's.
		{"a longer length", bpfStore(bpfOptlen, 30), bpfPass, nil, 30, greeting + strings.Repeat("\x00", 6)},
		{"a length beyond the buffer", bpfStore(bpfOptlen, 65), bpfPass, unix.EFAULT, 24, greeting},
		{"the verdict", nil, bpfRefuse, unix.EPERM, 24, greeting},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, m := newSocket(t), beforeGuard(t, uapi.SocketOpsMsgMax)
			s.wantCounts(t, uapi.Stats{Gets: 1, GetBytes: 24}, "a get in which BPF has rewritten "+c.name, func() {
				t.Run("get", func(t *testing.T) {
					attachRewriter(t, ebpf.AttachCGroupGetsockopt, c.rewrite, c.verdict)
					length, err := s.get(uapi.SocketOpsGet, m.address, int32(len(m.data)))
					wantErrno(t, err, c.err, "get in which BPF has rewritten %s", c.name)
					if length != c.length {
						t.Errorf("get in which BPF has rewritten %s: *optlen is %d, want %d", c.name, length, c.length)
					}
				})
			})
			m.wantWritten(c.buffer, "get in which BPF has rewritten "+c.name)
		})
	}
}

// The program's set works and its get fails, which only BPF can cause.
func TestProgramPrintsFailedGet(t *testing.T) {
	guest.NewNetworkNamespace(t)
	attachRewriter(t, ebpf.AttachCGroupGetsockopt, nil, bpfRefuse)
	stdout, stderr, code := runProgram(t, nil)
	if want := "setsockopt: ret = 0, msg = ----------user------------\n"; stdout != want || code == 0 {
		t.Errorf("user whose get is refused: got %q, exit code %d, want %q", stdout, code, want)
	}
	for _, want := range []string{"getsockopt", "errno = 1", "operation not permitted"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("user whose get is refused: got %q on stderr, want it to contain %q", stderr, want)
		}
	}
}
