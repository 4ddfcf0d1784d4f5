// SPDX-License-Identifier: BSD-3-Clause

// Package uapi is the Go counterpart of socketopt.h: the numbers of the socketopt
// module's socket options and the layout of its answers. The header describes the
// protocol; a test checks that both agree.
package uapi

import (
	"encoding/binary"
	"fmt"
)

// The commands, at level IPPROTO_IP, with the module's default base. With another
// base, the number of a command is that base plus its distance from
// SocketOpsBase.
const (
	// SocketOpsBase is the number of the first command.
	SocketOpsBase = 128 + 10000

	// SocketOpsSet stores a message, by setsockopt(2).
	SocketOpsSet = SocketOpsBase
	// SocketOpsGet returns the kernel's greeting, by getsockopt(2).
	SocketOpsGet = SocketOpsBase
	// SocketOpsLast returns the message stored last, by getsockopt(2).
	SocketOpsLast = SocketOpsBase + 1
	// SocketOpsStats returns a Stats, by getsockopt(2).
	SocketOpsStats = SocketOpsBase + 2
)

// SocketOpsMsgMax is the maximum length of a message in bytes.
const SocketOpsMsgMax = 64

// Stats is struct socketopt_stats: a consistent snapshot of the counters of one
// network namespace. It does not count the get that returns it.
type Stats struct {
	// Sets is the number of messages stored.
	Sets uint64
	// Gets is the number of successful gets, of any command.
	Gets uint64
	// SetBytes is the number of bytes of all messages stored.
	SetBytes uint64
	// GetBytes is the number of bytes copied out by all successful gets.
	GetBytes uint64
	// Rejected is the number of calls that reached the module and failed there,
	// including with EPERM.
	Rejected uint64
}

// ParseStats decodes the answer to SocketOpsStats. It fails if the length of b is
// not that of the structure, for example after a get with a shorter buffer.
func ParseStats(b []byte) (Stats, error) {
	var s Stats
	if size := binary.Size(s); len(b) != size {
		return s, fmt.Errorf("parse stats: got %d bytes, want %d", len(b), size)
	}
	if _, err := binary.Decode(b, binary.NativeEndian, &s); err != nil {
		return s, fmt.Errorf("parse stats: %w", err)
	}
	return s, nil
}
