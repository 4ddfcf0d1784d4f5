package vmtest

import (
	"encoding/binary"
	"math"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// modelNamespaces is the number of network namespaces that the model has.
const modelNamespaces = 2

// A model is the contract as a program: what every operation answers, and what
// it leaves. It knows nothing of kernels. With a mistake it is wrong in one
// line, for tests that show that such a line is found.
type model struct {
	loaded     bool
	base       int32
	namespaces [modelNamespaces]modelState
	mistake    mistake
}

// A modelState is what a network namespace holds.
type modelState struct {
	message string
	stats   uapi.Stats
}

// An outcome is what an operation answers.
type outcome struct {
	err    unix.Errno // 0 if it works
	optlen int32      // as a get leaves it
	buffer string     // the whole memory afterwards
	unsaid bool       // the contract does not say what is in the buffer now
}

// newModel is the module just loaded, and new namespaces.
func newModel(m mistake) *model {
	return &model{loaded: true, base: uapi.SocketOpsBase, mistake: m}
}

// do says what an operation answers, and changes the model as it should change
// the kernel.
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

// state is the namespace that an operation is about.
func (m *model) state(op operation) *modelState {
	switch m.mistake {
	case oneForAllNamespaces:
		return &m.namespaces[0]
	case oneForEachSocket:
		return &m.namespaces[(op.namespace+op.socket)%modelNamespaces]
	}
	return &m.namespaces[op.namespace]
}

// distance is that of a command from the base; false means that the module is
// not there to be asked.
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

// refusal is why the module does not take a set, or 0.
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

// answer is what a get answers that has come to the module.
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
		out.err, out.unsaid = unix.EFAULT, true
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

// text is all that a command answers with.
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
	data, _ := binary.Append(nil, binary.NativeEndian, state.stats) // of fixed size, so there is no error
	return string(data)
}
