package rtnetlink

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// ifinfo returns a struct ifinfomsg: the interface with an index, or by its name in
// an attribute if the index is 0, with the flags up that change to on.
func ifinfo(index int, on uint32) []byte {
	b := []byte{unix.AF_UNSPEC, 0, 0, 0} // family, padding, type
	b = append(b, word(index)...)
	b = binary.NativeEndian.AppendUint32(b, on)
	return binary.NativeEndian.AppendUint32(b, on) // the flags that change
}

// AddVeth makes a pair of veth interfaces: name in the namespace of c, and peer in the
// namespace that the open file fd refers to.
func (c *Conn) AddVeth(name, peer string, fd int) error {
	const vethInfoPeer = 1 // linux/veth.h
	other := attr(vethInfoPeer, ifinfo(0, 0), attr(unix.IFLA_IFNAME, text(peer)), attr(unix.IFLA_NET_NS_FD, word(fd)))
	info := attr(unix.IFLA_LINKINFO, attr(unix.IFLA_INFO_KIND, text("veth")), attr(unix.IFLA_INFO_DATA, other))
	body := append(ifinfo(0, 0), attr(unix.IFLA_IFNAME, text(name))...)
	if _, err := c.do(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, append(body, info...)); err != nil {
		return fmt.Errorf("make veth interface %s: %w", name, err)
	}
	return nil
}

// link returns the index of an interface, and its state as RFC 2863 defines it.
func (c *Conn) link(name string) (index int, state byte, err error) {
	b, err := c.do(unix.RTM_GETLINK, 0, append(ifinfo(0, 0), attr(unix.IFLA_IFNAME, text(name))...))
	if err == nil && len(b) < unix.SizeofIfInfomsg {
		err = unix.EBADMSG
	}
	if err != nil {
		return 0, 0, fmt.Errorf("find interface %s: %w", name, err)
	}
	if value := find(b[unix.SizeofIfInfomsg:], unix.IFLA_OPERSTATE); len(value) > 0 {
		state = value[0]
	}
	return int(binary.NativeEndian.Uint32(b[4:])), state, nil
}

// Rename gives an interface that is down another name.
func (c *Conn) Rename(name, other string) error {
	index, _, err := c.link(name)
	if err != nil {
		return err
	}
	if _, err := c.do(unix.RTM_NEWLINK, 0, append(ifinfo(index, 0), attr(unix.IFLA_IFNAME, text(other))...)); err != nil {
		return fmt.Errorf("rename interface %s to %s: %w", name, other, err)
	}
	return nil
}

// Raise brings an interface up, and adds an IPv4 address with a prefix of 24 bits and
// an IPv6 address with one of 64 bits, which is valid at once: other hosts are not
// asked whether they have it.
func (c *Conn) Raise(name string, ipv4 [4]byte, ipv6 [16]byte) error {
	index, _, err := c.link(name)
	if err != nil {
		return err
	}
	if _, err := c.do(unix.RTM_NEWLINK, 0, ifinfo(index, unix.IFF_UP)); err != nil {
		return fmt.Errorf("bring up interface %s: %w", name, err)
	}
	if err := c.addAddress(index, unix.AF_INET, 24, ipv4[:]); err != nil {
		return fmt.Errorf("add an IPv4 address to %s: %w", name, err)
	}
	if err := c.addAddress(index, unix.AF_INET6, 64, ipv6[:]); err != nil {
		return fmt.Errorf("add an IPv6 address to %s: %w", name, err)
	}
	return nil
}

func (c *Conn) addAddress(index int, family, prefix byte, address []byte) error {
	body := append([]byte{family, prefix, unix.IFA_F_NODAD, unix.RT_SCOPE_UNIVERSE}, word(index)...) // struct ifaddrmsg
	body = append(body, attr(unix.IFA_LOCAL, address)...)
	body = append(body, attr(unix.IFA_ADDRESS, address)...)
	_, err := c.do(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, body)
	return err
}

// AwaitUp returns when an interface transmits, and the namespace receives packets for
// its IPv6 address: the kernel does the rest of both in the background.
func (c *Conn) AwaitUp(name string, ipv6 [16]byte, limit time.Duration) error {
	const operUp = 6 // IF_OPER_UP of linux/if.h
	for deadline := time.Now().Add(limit); ; time.Sleep(time.Millisecond) {
		_, state, err := c.link(name)
		if err != nil {
			return err
		}
		if state == operUp && c.isLocal(ipv6) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("interface %s was not up within %v: its state is %d", name, limit, state)
		}
	}
}

// isLocal reports whether the namespace receives packets to an address.
func (c *Conn) isLocal(ipv6 [16]byte) bool {
	body := make([]byte, unix.SizeofRtMsg)
	body[0], body[1] = unix.AF_INET6, 128
	b, err := c.do(unix.RTM_GETROUTE, 0, slices.Concat(body, attr(unix.RTA_DST, ipv6[:])))
	const kind = 7 // offset of rtm_type
	return err == nil && len(b) >= unix.SizeofRtMsg && b[kind] == unix.RTN_LOCAL
}
