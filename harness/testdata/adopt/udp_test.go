package adopt

import (
	"net"
	"testing"
	"time"
)

// packetLimit is how long a packet may take.
const packetLimit = 20 * time.Second

// listen opens a UDP socket that receives, and closes it at cleanup.
func listen(t *testing.T, address *net.UDPAddr) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// dial opens a UDP socket that sends to an address, and closes it at cleanup.
func dial(t *testing.T, to *net.UDPAddr) *net.UDPConn {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func send(t *testing.T, conn *net.UDPConn, text string) {
	t.Helper()
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

// receive waits for a packet, and returns its content and its sender.
func receive(t *testing.T, conn *net.UDPConn) ([]byte, *net.UDPAddr) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(packetLimit)); err != nil {
		t.Fatal(err)
	}
	packet := make([]byte, 2048)
	n, from, err := conn.ReadFromUDP(packet)
	if err != nil {
		t.Fatal(err)
	}
	return packet[:n], from
}
