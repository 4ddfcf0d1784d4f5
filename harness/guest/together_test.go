package guest_test

import (
	"io"
	"net"
	"testing"

	"github.com/kmodtest/kmodtest/harness/guest"
)

// TCP and UDP, by IPv4 and IPv6, pass between all machines.
func TestMachinesExchangePackets(t *testing.T) {
	guest.Together(t, 3, func(t *testing.T, m *guest.Machine) {
		for server := range m.Ends {
			end := m.Ends[server]
			for _, ip := range []net.IP{end.IPv4[:], end.IPv6[:]} {
				if m.Index == server {
					serve(t, m, ip)
				} else {
					call(t, m, ip)
				}
				m.Wait("next")
			}
		}
	})
}

const port = 7777

// serve greets the other machines, and gets a datagram from each.
func serve(t *testing.T, m *guest.Machine, ip net.IP) {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: ip, Port: port})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	datagrams, err := net.ListenUDP("udp", &net.UDPAddr{IP: ip, Port: port})
	if err != nil {
		t.Fatal(err)
	}
	defer datagrams.Close()
	m.Wait("listening")
	seen := map[string]bool{}
	for range len(m.Ends) - 1 {
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "hello"); err != nil {
			t.Error(err)
		}
		conn.Close()
		_, from, err := datagrams.ReadFromUDP(make([]byte, 16))
		if err != nil {
			t.Fatal(err)
		}
		seen[from.IP.String()] = true
	}
	for i, end := range m.Ends {
		if i != m.Index && !seen[net.IP(end.IPv4[:]).String()] && !seen[net.IP(end.IPv6[:]).String()] {
			t.Errorf("at %v: no datagram from machine %d, only from %v", ip, i, seen)
		}
	}
}

// call is the other side of serve.
func call(t *testing.T, m *guest.Machine, ip net.IP) {
	t.Helper()
	m.Wait("listening")
	conn, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: ip, Port: port})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if text, err := io.ReadAll(conn); err != nil || string(text) != "hello" {
		t.Errorf("from %v: %q, %v", ip, text, err)
	}
	udp, err := net.DialUDP("udp", nil, &net.UDPAddr{IP: ip, Port: port})
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	if _, err := udp.Write([]byte("hello")); err != nil {
		t.Error(err)
	}
}
