// Package rtnetlink makes and inspects network interfaces by the kernel's rtnetlink
// protocol. It is linked into test binaries, where each package costs time: it has
// only the requests that package guest needs, on golang.org/x/sys/unix.
package rtnetlink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Conn is a netlink socket. It belongs to the network namespace in which it was
// opened, whichever thread uses it later. Only one goroutine may use it at a time.
type Conn struct {
	fd  int
	seq uint32
	buf []byte
}

// Open opens a socket in the calling thread's network namespace. It receives the
// notifications of groups (unix.RTNLGRP_NSID and so on).
func Open(groups ...int) (*Conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	c := &Conn{fd: fd, buf: make([]byte, 32<<10)}
	err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	for _, group := range groups {
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, group)
		}
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	return c, nil
}

// Close closes the socket.
func (c *Conn) Close() { _ = unix.Close(c.fd) }

// message is what the kernel has sent.
type message struct {
	kind uint16
	seq  uint32
	body []byte
}

// do sends a request and returns the first message of the answer, or nil if the
// kernel only acknowledges it.
func (c *Conn) do(kind, flags uint16, body []byte) ([]byte, error) {
	c.seq++
	head := binary.NativeEndian.AppendUint32(nil, uint32(unix.NLMSG_HDRLEN+len(body)))
	head = binary.NativeEndian.AppendUint16(head, kind)
	head = binary.NativeEndian.AppendUint16(head, flags|unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	head = binary.NativeEndian.AppendUint32(head, c.seq)
	head = binary.NativeEndian.AppendUint32(head, 0)
	if err := unix.Sendto(c.fd, append(head, body...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	var answer []byte
	for {
		messages, err := c.receive()
		if err != nil {
			return nil, err
		}
		for _, m := range messages {
			switch {
			case m.seq != c.seq:
			case m.kind == unix.NLMSG_ERROR && len(m.body) >= 4:
				if errno := -int32(binary.NativeEndian.Uint32(m.body)); errno != 0 {
					return nil, unix.Errno(errno)
				}
				return answer, nil
			case answer == nil:
				answer = append([]byte{}, m.body...)
			}
		}
	}
}

// receive waits for messages. They are valid until the next call.
func (c *Conn) receive() ([]message, error) {
	n, _, err := unix.Recvfrom(c.fd, c.buf, 0)
	for errors.Is(err, unix.EINTR) {
		n, _, err = unix.Recvfrom(c.fd, c.buf, 0)
	}
	if err != nil {
		return nil, err
	}
	var all []message
	for b := c.buf[:n]; len(b) >= unix.NLMSG_HDRLEN; {
		size := int(binary.NativeEndian.Uint32(b))
		if size < unix.NLMSG_HDRLEN || size > len(b) {
			return nil, errors.New("the kernel sent a netlink message of an invalid length")
		}
		all = append(all, message{binary.NativeEndian.Uint16(b[4:]), binary.NativeEndian.Uint32(b[8:]), b[unix.NLMSG_HDRLEN:size]})
		b = b[min(align(size), len(b)):]
	}
	return all, nil
}

// await waits until accept returns true for a notification. It returns
// unix.ETIMEDOUT if that takes longer than limit.
func (c *Conn) await(limit time.Duration, accept func(message) bool) error {
	for deadline := time.Now().Add(limit); ; {
		left := time.Until(deadline)
		if left <= 0 {
			return unix.ETIMEDOUT
		}
		fds := []unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN}}
		if n, err := unix.Poll(fds, int(left.Milliseconds())+1); n == 0 || errors.Is(err, unix.EINTR) {
			continue
		} else if err != nil {
			return err
		}
		messages, err := c.receive()
		if err != nil {
			return err
		}
		if slices.ContainsFunc(messages, accept) {
			return nil
		}
	}
}

// attr returns an attribute with parts as its value.
func attr(kind uint16, parts ...[]byte) []byte {
	size := unix.SizeofRtAttr
	for _, part := range parts {
		size += len(part)
	}
	b := binary.NativeEndian.AppendUint16(make([]byte, 0, align(size)), uint16(size))
	b = binary.NativeEndian.AppendUint16(b, kind)
	for _, part := range parts {
		b = append(b, part...)
	}
	return append(b, make([]byte, align(size)-size)...)
}

// find returns the value of an attribute, or nil.
func find(attrs []byte, kind uint16) []byte {
	for len(attrs) >= unix.SizeofRtAttr {
		size := int(binary.NativeEndian.Uint16(attrs))
		if size < unix.SizeofRtAttr || size > len(attrs) {
			return nil
		}
		if binary.NativeEndian.Uint16(attrs[2:]) == kind {
			return attrs[unix.SizeofRtAttr:size]
		}
		attrs = attrs[min(align(size), len(attrs)):]
	}
	return nil
}

func align(n int) int { return (n + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1) }

func word(n int) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(n)) }

func text(s string) []byte { return append([]byte(s), 0) }
