package vmtest

import (
	"encoding/binary"
	"math"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// modelNamespaces is the number of network namespaces in the model.
const modelNamespaces = 2

// A model is the contract as a program: it computes the result of every operation
// and the state afterwards, without a kernel. With a mistake, one line of it is
// wrong: other tests check that random sequences find that line.
type model struct {
	loaded     bool
	base       int32
	namespaces [modelNamespaces]modelState
	mistake    mistake
}

// A modelState is the state of one network namespace.
type modelState struct {
	message string
	stats   uapi.Stats
}

// An outcome is the result of an operation.
type outcome struct {
	err         unix.Errno // 0 for success
	optlen      int32      // after a get
	buffer      string     // the whole memory afterwards
	unspecified bool       // the contract does not specify the contents of the buffer
}

// newModel returns a model of the module just loaded, with new namespaces.
func newModel(m mistake) *model {
	return &model{loaded: true, base: uapi.SocketOpsBase, mistake: m}
}

// do returns the expected outcome of an operation, and updates the model as the
// operation should change the kernel.
func (m *model) do(op operation) outcome {
	switch op.kind {
	case "set":
		return outcome{err: m.set(op), buffer: op.content(), optlen: op.length}
	case "get":
		return m.get(op)
	case "load":
		return outcome{err: m.load(op.command)}
	case "unload":
		return outcome{err: m.unload()}
	default: // renew
		if m.mistake != namespaceKeepsMessage {
			m.namespaces[op.namespace].message = ""
		}
		m.namespaces[op.namespace].stats = uapi.Stats{}
		return outcome{}
	}
}

func (m *model) load(base int32) unix.Errno {
	const commands = 3
	switch {
	case m.loaded && m.mistake != loadsTwice:
		return unix.EEXIST
	case base < 0 && m.mistake != loadsBelowZero, base > math.MaxInt32-commands && m.mistake != loadsAtEnd:
		return unix.EINVAL
	}
	m.loaded, m.base = true, base
	return 0
}

func (m *model) unload() unix.Errno {
	if !m.loaded {
		return unix.ENOENT
	}
	m.loaded = false
	if m.mistake != unloadKeepsMessages {
		for i := range m.namespaces {
			m.namespaces[i].message = ""
		}
	}
	if m.mistake != unloadKeepsCounters {
		for i := range m.namespaces {
			m.namespaces[i].stats = uapi.Stats{}
		}
	}
	return 0
}

// state returns the state of the namespace that op uses.
func (m *model) state(op operation) *modelState {
	switch m.mistake {
	case oneForAllNamespaces:
		return &m.namespaces[0]
	case oneForEachSocket:
		return &m.namespaces[(op.namespace+op.socket)%modelNamespaces]
	}
	return &m.namespaces[op.namespace]
}

// distance returns the distance of a command from the base, and reports whether
// the module is loaded.
func (m *model) distance(command int32) (int64, bool) {
	base := m.base
	if m.mistake == baseIgnored {
		base = uapi.SocketOpsBase
	}
	return int64(command) - int64(base), m.loaded
}

func (m *model) set(op operation) unix.Errno {
	state := m.state(op)
	distance, loaded := m.distance(op.command)
	known := distance == 0 || m.mistake == setRangeLonger && distance == 1 || m.mistake == setRangeEarlier && distance == -1
	switch {
	case op.length < 0:
		if m.mistake == coreCounts {
			state.stats.Rejected++
		}
		return unix.EINVAL
	case !loaded || !known:
		return unix.ENOPROTOOPT
	}
	err := m.refusal(op)
	if err != 0 {
		if m.mistake == faultClears && err == unix.EFAULT {
			state.message = ""
		}
		if err != unix.EPERM || m.mistake != deniedUncounted {
			state.stats.Rejected++
		}
		return err
	}
	message := op.content()[:op.length]
	switch m.mistake {
	case messageEndsAtNUL:
		message, _, _ = strings.Cut(message, "\x00")
	case emptySetKeeps:
		if message == "" {
			message = state.message
		}
	}
	state.message = message
	state.stats.Sets++
	state.stats.SetBytes += uint64(op.length)
	if m.mistake == setBytesFull {
		state.stats.SetBytes += uint64(uapi.SocketOpsMsgMax - op.length)
	}
	return 0
}

// refusal returns the errno with which the module rejects a set, or 0.
func (m *model) refusal(op operation) unix.Errno {
	longest := int32(uapi.SocketOpsMsgMax)
	switch m.mistake {
	case setTakesOneMore:
		longest++
	case setTakesOneLess:
		longest--
	}
	denied := !op.privileged && m.mistake != setNeedsNoRight
	tooLong := op.length > longest || m.mistake == setRefusesNothing && op.length == 0
	unreadable := int(op.length) > max(op.room, 0) || m.mistake == emptySetReads && op.room < 0
	switch {
	case m.mistake == lengthBeforeRight && tooLong:
		return unix.EINVAL
	case denied:
		return unix.EPERM
	case m.mistake == memoryBeforeLength && unreadable:
		return unix.EFAULT
	case tooLong:
		return unix.EINVAL
	case unreadable:
		return unix.EFAULT
	}
	return 0
}

func (m *model) get(op operation) outcome {
	state, out := m.state(op), outcome{optlen: op.length, buffer: op.content()}
	distance, loaded := m.distance(op.command)
	commands := int64(3)
	if m.mistake == getRangeLonger {
		commands++
	}
	switch {
	case op.optlen == "short" || op.optlen == "null":
		out.err = unix.EFAULT
	case op.length < 0 && m.mistake != negativeIsNothing:
		out.err = unix.EINVAL
	case !loaded || distance < 0 || distance >= commands:
		out.err = unix.ENOPROTOOPT
	default:
		return m.answer(op, distance, state, out)
	}
	return out
}

// answer returns the outcome of a get that has reached the module.
func (m *model) answer(op operation, distance int64, state *modelState, out outcome) outcome {
	open := distance == 0 && m.mistake != greetingNeedsRight ||
		distance == 1 && m.mistake == lastNeedsNoRight || distance == 2 && m.mistake == statsNeedNoRight
	if m.mistake == statsCountThemselves {
		state.stats.Gets++
	}
	text := m.text(distance, state)
	n := max(min(int(op.length), len(text)), 0)
	unwritable := n > max(op.room, 0) || n > 0 && op.access == "ro"
	switch {
	case !op.privileged && !open:
		out.err = unix.EPERM
	case m.mistake == getRefusesShort && n < len(text):
		out.err = unix.EINVAL
	case unwritable || m.mistake == getOfNothingWrites && op.room < 0:
		out.err, out.unspecified = unix.EFAULT, true
	}
	if out.err != 0 {
		if out.err != unix.EPERM || m.mistake != deniedUncounted {
			state.stats.Rejected++
		}
		return out
	}
	out.buffer = text[:n] + out.buffer[min(n, len(out.buffer)):]
	if op.optlen == "ro" {
		out.err = unix.EFAULT
		if m.mistake == readOnlyOptlenUncounted {
			return out
		}
	} else if m.mistake != optlenStays {
		out.optlen = int32(n)
	}
	if m.mistake != statsCountThemselves {
		state.stats.Gets++
	}
	state.stats.GetBytes += uint64(n)
	if m.mistake == getBytesAsked {
		state.stats.GetBytes += uint64(int(op.length) - n)
	}
	return out
}

// text returns the whole answer of a command.
func (m *model) text(distance int64, state *modelState) string {
	switch {
	case distance == 0 && m.mistake == greetingWithoutNUL:
		return strings.TrimSuffix(greeting, "\x00")
	case distance == 0:
		return greeting
	case distance == 1 && m.mistake == lastIsPadded:
		return state.message + strings.Repeat("\x00", uapi.SocketOpsMsgMax-len(state.message))
	case distance == 1:
		return state.message
	}
	data, _ := binary.Append(nil, binary.NativeEndian, state.stats) // never fails for a type of fixed size
	return string(data)
}
