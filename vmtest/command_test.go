package vmtest

import (
	"fmt"
	"math"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// unknown lists commands that neither sets nor gets may accept.
var unknown = []int32{
	math.MinInt32, -1, 0,
	uapi.SocketOpsBase - 1, uapi.SocketOpsStats + 1, uapi.SocketOpsStats + 2,
	math.MaxInt32,
}

func TestSetSupportsOneCommand(t *testing.T) {
	s := newSocket(t)
	s.store(t, "kept")
	text := message(t, "must not be stored")
	for _, command := range append(unknown, uapi.SocketOpsLast, uapi.SocketOpsStats) {
		call := fmt.Sprintf("set of command %d (base%+d)", command, int64(command)-uapi.SocketOpsBase)
		s.wantCounts(t, uapi.Stats{}, call+", which must not reach the module", func() {
			wantErrno(t, s.set(command, text.address, int32(len(text.data))), unix.ENOPROTOOPT, "%s", call)
		})
	}
	s.wantLast(t, "kept", "after sets of unknown commands")
}

func TestGetSupportsThreeCommands(t *testing.T) {
	s := newSocket(t)
	buffer := beforeGuard(t, uapi.SocketOpsMsgMax)
	for _, command := range unknown {
		call := fmt.Sprintf("get of command %d (base%+d)", command, int64(command)-uapi.SocketOpsBase)
		s.wantCounts(t, uapi.Stats{}, call+", which must not reach the module", func() {
			_, err := s.get(command, buffer.address, int32(len(buffer.data)))
			wantErrno(t, err, unix.ENOPROTOOPT, "%s", call)
		})
	}
	buffer.wantWritten("", "get of unknown commands")
}

func TestEveryKnownCommandWorks(t *testing.T) {
	s := newSocket(t)
	s.store(t, "a message")
	for _, command := range []int32{uapi.SocketOpsGet, uapi.SocketOpsLast, uapi.SocketOpsStats} {
		_, err := s.tryGet(command)
		wantErrno(t, err, nil, "get of command %d (base%+d)", command, command-uapi.SocketOpsBase)
	}
}
