package vmtest

import (
	"fmt"
	"math"
	"strings"

	"pgregory.net/rapid"

	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// An operation is a step of a random sequence: a call, or a change of its
// environment. Its text is the list of its fields, in this order.
type operation struct {
	kind       string // set, get, renew (the namespace), load, unload
	namespace  int    // which of the namespaces
	socket     int    // which of the sockets in it
	privileged bool   // whether the caller has capabilities
	command    int32  // of the call; the base, for a load
	length     int32  // argument of the call: optlen of a set, *optlen of a get
	room       int    // bytes of memory before an inaccessible page; -1 for NULL
	access     string // to the memory: rw, ro
	first      byte   // first byte of the memory; each further byte is one more
	optlen     string // memory of optlen for a get: rw, ro, short, null
}

const operationFormat = "%s %d %d %t %d %d %d %s %d %s"

func (op operation) String() string {
	return fmt.Sprintf(operationFormat, op.kind, op.namespace, op.socket, op.privileged,
		op.command, op.length, op.room, op.access, op.first, op.optlen)
}

// operationsText returns a sequence of operations as one line of text.
func operationsText(ops []operation) string {
	var out []string
	for _, op := range ops {
		out = append(out, op.String())
	}
	return strings.Join(out, "; ")
}

// parseOperations parses the result of operationsText.
func parseOperations(line string) ([]operation, error) {
	var out []operation
	for text := range strings.SplitSeq(line, "; ") {
		var op operation
		_, err := fmt.Sscanf(text, operationFormat, &op.kind, &op.namespace, &op.socket, &op.privileged,
			&op.command, &op.length, &op.room, &op.access, &op.first, &op.optlen)
		if err != nil {
			return nil, fmt.Errorf("parse operation %q: %w", text, err)
		}
		if op.namespace < 0 || op.namespace >= modelNamespaces || op.socket < 0 || op.socket >= len(modelSockets) || op.room > maxRoom {
			return nil, fmt.Errorf("parse operation %q: namespace, socket or room out of range", text)
		}
		out = append(out, op)
	}
	return out, nil
}

// content returns the initial contents of the operation's memory.
func (op operation) content() string {
	out := make([]byte, max(op.room, 0))
	for i := range out {
		out[i] = op.first + byte(i)
	}
	return string(out)
}

// maxRoom is the maximum of operation.room.
const maxRoom = 80

// modelBases are the bases of the commands of calls; the default is the most
// frequent.
var modelBases = chain(often(10, int32(uapi.SocketOpsBase)), []int32{20000, math.MaxInt32 - 3})

// often returns n copies of a value, so that it is drawn n times as often.
func often[T any](n int, value T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = value
	}
	return out
}

// chain joins slices.
func chain[T any](parts ...[]T) []T {
	var out []T
	for _, part := range parts {
		out = append(out, part...)
	}
	return out
}

// Generators of the fields. A failing sequence is shrunk towards the first value
// of each list.
var (
	kinds = rapid.SampledFrom(chain(often(40, "get"), often(40, "set"), often(3, "load"), often(2, "renew"), []string{"unload"}))
	// Distances of commands from the base: below, in and above the ranges.
	setDistances = rapid.SampledFrom(chain(often(9, int32(0)), []int32{1, 2, -1}))
	getDistances = rapid.SampledFrom([]int32{0, 0, 0, 1, 1, 1, 2, 2, 2, 3, -1})
	lengths32    = rapid.OneOf(
		rapid.Int32Range(0, maxRoom),
		rapid.SampledFrom([]int32{
			0, 0, 0, 64, 65, 65, 24, 23, 40, 39, -1, 4096, 1 << 16, 1<<16 + 1, math.MaxInt32, math.MinInt32,
		}),
	)
	rooms     = rapid.OneOf(rapid.Just(maxRoom), rapid.Just(maxRoom), rapid.IntRange(-1, maxRoom))
	accesses  = rapid.SampledFrom(append(often(8, "rw"), "ro"))
	optlens   = rapid.SampledFrom(append(often(12, "rw"), "ro", "short", "null"))
	privilege = rapid.SampledFrom(append(often(5, true), false))
	loadBases = rapid.SampledFrom([]int32{uapi.SocketOpsBase, uapi.SocketOpsBase, 20000, math.MaxInt32 - 3, math.MaxInt32 - 2, -1, math.MinInt32})
)

var operations = rapid.Custom(func(t *rapid.T) operation {
	op := operation{
		kind:       kinds.Draw(t, "kind"),
		namespace:  rapid.IntRange(0, modelNamespaces-1).Draw(t, "namespace"),
		socket:     rapid.IntRange(0, len(modelSockets)-1).Draw(t, "socket"),
		privileged: true, length: 0, room: maxRoom, access: "rw", optlen: "rw",
	}
	switch op.kind {
	case "load":
		op.command = loadBases.Draw(t, "base")
	case "set", "get":
		op.privileged = privilege.Draw(t, "privileged")
		base := rapid.SampledFrom(modelBases).Draw(t, "base")
		distances := setDistances
		if op.kind == "get" {
			distances = getDistances
		}
		op.command = base + distances.Draw(t, "distance")
		op.length = lengths32.Draw(t, "length")
		op.room = rooms.Draw(t, "room")
		op.access = accesses.Draw(t, "access")
		op.first = rapid.Byte().Draw(t, "first")
		if op.kind == "get" {
			op.optlen = optlens.Draw(t, "optlen")
		}
	}
	return op
})
