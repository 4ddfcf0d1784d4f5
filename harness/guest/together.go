package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/rtnetlink"
)

// Machine is one of the machines that run a test together.
type Machine struct {
	// Index is the number of this machine, from 0.
	Index int
	// Ends are the ends of the network, by the index of the machine. All are up,
	// and packets pass.
	Ends []End

	tb testing.TB
}

// Together runs the test t in n fresh machines at the same time, from 2 to 8, which are
// joined by an Ethernet network. In each machine it calls f as a subtest, with the name
// machine0, machine1 and so on. It must be the first call of a top-level test; in a
// subtest it fails the test. f must not call t.Parallel.
//
// Each machine has an interface lan0 with the address 10.0.0.1 and fd00::1, 10.0.0.2 and
// fd00::2, and so on. All machines stay until f has returned in all of them. If one fails,
// because of its test, its kernel or a hang, the others end, too, and so fail.
//
// The machine in which t was started waits, as with Fresh. The kernel needs the module
// virtio_net and CONFIG_HOTPLUG_PCI_ACPI.
func Together(t *testing.T, n int, f func(t *testing.T, m *Machine)) {
	t.Helper()
	require(t)
	var index, all int
	if _, err := fmt.Sscan(os.Getenv(inside.TogetherVariable), &index, &all); err != nil {
		if strings.Contains(t.Name(), "/") {
			t.Fatal("guest.Together is for top-level tests: a subtest cannot run without its parent test")
		}
		if err := hotplug(); err != nil {
			t.Fatalf("join machines: %v", err)
		}
		runElsewhere(t, "together", t.Name(), strconv.Itoa(runtime.GOMAXPROCS(0)), strconv.Itoa(n))
	}
	ran := false
	passed := t.Run(fmt.Sprint("machine", index), func(t *testing.T) {
		ran = true
		m := &Machine{Index: index, tb: t}
		for i := range all {
			m.Ends = append(m.Ends, newEnd("lan", 0, i+1))
		}
		if err := m.join(); err != nil {
			t.Fatalf("join machines: %v", err)
		}
		m.wait(":up")
		f(t, m)
	})
	if ran && passed {
		// The answer is no if another machine has failed. That is not this one's failure.
		_, _, _ = ask(t, "wait", ":end")
	}
}

// Wait waits until all machines call it with the same name, which has 1 to 64 bytes, no
// spaces, and no colon at its beginning. A name may be used again. If another machine
// has ended, which no machine does before the end of its test unless its kernel was
// expected to die, Wait ends the test.
func (m *Machine) Wait(name string) {
	m.tb.Helper()
	if len(name) > 64 || len(strings.Fields(name)) != 1 || strings.HasPrefix(name, ":") {
		m.tb.Fatalf("wait for the other machines at %q: a name has 1 to 64 bytes, no spaces, and no colon at its beginning", name)
	}
	m.wait(name)
}

func (m *Machine) wait(name string) {
	m.tb.Helper()
	yes, reason, err := ask(m.tb, "wait", name)
	if err == nil && !yes {
		err = fmt.Errorf("%s", reason)
	}
	if err != nil {
		m.tb.Fatalf("wait for the other machines at %q: %v", name, err)
	}
}

// join attaches the machine's card, and brings up its interface.
func (m *Machine) join() error {
	if err := prepareHotplug("virtio_net"); err != nil {
		return err
	}
	yes, address, err := ask(m.tb, "network")
	if err == nil && !yes {
		err = fmt.Errorf("%s", address)
	}
	if err != nil {
		return err
	}
	found, err := awaitCard(address)
	if err != nil {
		return err
	}
	conn, err := rtnetlink.Open()
	if err != nil {
		return err
	}
	defer conn.Close()
	end := m.Ends[m.Index]
	if err := conn.Rename(found, end.Interface); err != nil {
		return err
	}
	if err := conn.Raise(end.Interface, end.IPv4, end.IPv6); err != nil {
		return err
	}
	return conn.AwaitUp(end.Interface, end.IPv6, linkLimit)
}

// awaitCard waits until there is an interface with an address (MAC), and returns its name.
func awaitCard(address string) (string, error) {
	for deadline := time.Now().Add(deviceLimit); ; time.Sleep(time.Millisecond) {
		files, _ := filepath.Glob("/sys/class/net/*/address") // the pattern is well formed
		for _, file := range files {
			if text, err := os.ReadFile(file); err == nil && strings.TrimSpace(string(text)) == address {
				return filepath.Base(filepath.Dir(file)), nil
			}
		}
		if time.Now().After(deadline) {
			return "", fmt.Errorf("the kernel has not found the network card within %v", deviceLimit)
		}
	}
}
