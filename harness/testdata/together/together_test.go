// Package together has tests that several machines run, and one of them breaks.
package together

import (
	"net"
	"os"
	"testing"

	"github.com/kmodtest/kmodtest/harness"
	"github.com/kmodtest/kmodtest/harness/guest"
)

func TestMain(m *testing.M) { harness.Main(m, harness.Config{}) }

// receive waits for a datagram from the other machine, which never comes.
func receive(t *testing.T, m *guest.Machine) {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: m.Ends[m.Index].IPv4[:], Port: 7777})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _, err = conn.ReadFromUDP(make([]byte, 1))
	t.Fatal(err)
}

// crash makes the kernel panic.
func crash(t *testing.T) {
	t.Helper()
	if err := os.WriteFile("/proc/sysrq-trigger", []byte("c"), 0); err != nil {
		t.Fatal(err)
	}
}

func TestPasses(t *testing.T) {
	guest.Together(t, 2, func(t *testing.T, m *guest.Machine) {
		t.Logf("this is machine %d of %d", m.Index, len(m.Ends))
		m.Wait("logged")
	})
}

func TestFails(t *testing.T) {
	guest.Together(t, 2, func(t *testing.T, m *guest.Machine) {
		m.Wait("here")
		if m.Index == 0 {
			receive(t, m)
		}
		t.Error("as it is meant to")
	})
}

// TestWaits is TestFails with a machine that waits for the other.
func TestWaits(t *testing.T) {
	guest.Together(t, 2, func(t *testing.T, m *guest.Machine) {
		if m.Index == 1 {
			t.Fatal("as it is meant to")
		}
		m.Wait("never")
	})
}

func TestDies(t *testing.T) {
	guest.Together(t, 2, func(t *testing.T, m *guest.Machine) {
		m.Wait("here")
		if m.Index == 0 {
			receive(t, m)
		}
		crash(t)
	})
}

func TestFromSubtest(t *testing.T) {
	t.Run("sub", func(t *testing.T) { guest.Together(t, 2, nil) })
}

func TestTooMany(t *testing.T) { guest.Together(t, 9, nil) }

func TestAfterFresh(t *testing.T) {
	guest.Fresh(t)
	guest.Together(t, 2, nil)
}

func TestIsLast(t *testing.T) { t.Log("the end") }
