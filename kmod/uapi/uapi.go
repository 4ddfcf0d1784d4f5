// SPDX-License-Identifier: BSD-3-Clause

// Package uapi is the Go side of socketopt.h: the numbers of the socketopt
// module's socket options and the layout of what it answers. The header
// describes the protocol; a test keeps the two alike.
package uapi

import (
	"encoding/binary"
	"fmt"
)

// The commands, for level IPPROTO_IP, as they are with the module's default
// base. With another base each is that base plus its distance from
// SocketOpsBase.
const (
	// SocketOpsBase is the number that the block of commands starts with.
	SocketOpsBase = 128 + 10000

	// SocketOpsSet stores a message, by setsockopt(2).
	SocketOpsSet = SocketOpsBase
	// SocketOpsGet answers with the kernel's greeting, by getsockopt(2).
	SocketOpsGet = SocketOpsBase
	// SocketOpsLast answers with the message stored last, by getsockopt(2).
	SocketOpsLast = SocketOpsBase + 1
	// SocketOpsStats answers with a Stats, by getsockopt(2).
	SocketOpsStats = SocketOpsBase + 2
)

// SocketOpsMsgMax is the most bytes that a message may have.
const SocketOpsMsgMax = 64

// Stats is struct socketopt_stats: what happened in one network
// namespace, exact, and taken at one moment. A call that reads it counts itself
// only afterwards.
type Stats struct {
	// Sets is the number of messages stored.
	Sets uint64
	// Gets is the number of gets answered, of any command.
	Gets uint64
	// SetBytes is the number of bytes of all messages stored.
	SetBytes uint64
	// GetBytes is the number of bytes copied out by all gets answered.
	GetBytes uint64
	// Rejected is the number of calls that reached the module and that it
	// answered with an error, EPERM included.
	Rejected uint64
}

// ParseStats decodes the answer to SocketOpsStats. It fails if b is
// not exactly as long as the structure is, as happens after a get with a
// shorter buffer.
func ParseStats(b []byte) (Stats, error) {
	var s Stats
	if size := binary.Size(s); len(b) != size {
		return s, fmt.Errorf("parse stats: %d bytes, not %d", len(b), size)
	}
	if _, err := binary.Decode(b, binary.NativeEndian, &s); err != nil {
		return s, fmt.Errorf("parse stats: %w", err)
	}
	return s, nil
}
