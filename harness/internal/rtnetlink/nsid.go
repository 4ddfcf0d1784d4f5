package rtnetlink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// The attributes of messages on the numbers of namespaces (linux/net_namespace.h).
const (
	netnsaNSID = 1
	netnsaFD   = 3
)

// NumberNamespace gives the network namespace that the open file fd refers to a
// number in the namespace of c, and returns it.
func (c *Conn) NumberNamespace(fd int) (int32, error) {
	body := []byte{unix.AF_UNSPEC, 0, 0, 0} // struct rtgenmsg, aligned
	name := attr(netnsaFD, word(fd))
	free := attr(netnsaNSID, word(-1)) // any number
	// A namespace that has a number keeps it.
	_, err := c.do(unix.RTM_NEWNSID, 0, slices.Concat(body, free, name))
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return 0, fmt.Errorf("number a network namespace: %w", err)
	}
	b, err := c.do(unix.RTM_GETNSID, 0, slices.Concat(body, name))
	if err != nil {
		return 0, fmt.Errorf("number a network namespace: %w", err)
	}
	number, ok := nsid(b)
	if !ok || number < 0 {
		return 0, fmt.Errorf("number a network namespace: it got %d", number)
	}
	return number, nil
}

// AwaitEnd waits until the kernel has begun to destroy a namespace that
// NumberNamespace has numbered. The socket must receive the notifications of
// unix.RTNLGRP_NSID. The error is unix.ETIMEDOUT if the namespace is still in use
// after limit.
func (c *Conn) AwaitEnd(number int32, limit time.Duration) error {
	return c.await(limit, func(m message) bool {
		ended, ok := nsid(m.body)
		return m.kind == unix.RTM_DELNSID && ok && ended == number
	})
}

// nsid returns the number in a message.
func nsid(body []byte) (int32, bool) {
	if len(body) < 4 {
		return 0, false
	}
	value := find(body[4:], netnsaNSID)
	if len(value) < 4 {
		return 0, false
	}
	return int32(binary.NativeEndian.Uint32(value)), true
}
