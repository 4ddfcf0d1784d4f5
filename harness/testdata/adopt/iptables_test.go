package adopt

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/kmodtest/kmodtest/harness/guest"
)

// extensions are the libraries of iptables, which has one for each match and target.
const extensions = "/usr/lib/x86_64-linux-gnu/xtables"

var loopback = net.IPv4(127, 0, 0, 1)

// A rule drops packets while its condition is set in a file of /proc.
func matchesCondition(t *testing.T) {
	guest.NewNamespace(t, "filtered").Run(func() {
		run(t, "iptables-legacy", "-A", "INPUT", "-p", "udp", "-m", "condition", "--condition", "closed", "-j", "DROP")
		receiver := listen(t, &net.UDPAddr{IP: loopback})
		sender := dial(t, receiver.LocalAddr().(*net.UDPAddr))
		for _, step := range []struct{ condition, text string }{{"0", "first"}, {"1", "dropped"}, {"0", "last"}} {
			write(t, "/proc/thread-self/net/nf_condition/closed", step.condition)
			send(t, sender, step.text)
		}
		for _, want := range []string{"first", "last"} {
			if got, _ := receive(t, receiver); string(got) != want {
				t.Errorf("got packet %q, want %q", got, want)
			}
		}
	})
}

// netflow are the parameters for packets of NetFlow 5 to port 2055.
const netflow = "ipt_NETFLOW destination=127.0.0.1:2055 protocol=5"

// netflowLibrary returns the library of iptables that is in the package itself, as an
// entry of harness.Config.Files.
func netflowLibrary() string {
	path := extensions + "/libipt_NETFLOW.so"
	return filepath.Join(os.Getenv("ADOPT_SOURCE"), "../../..", path) + ":" + path
}

func exportsFlow(t *testing.T) {
	collector := listen(t, &net.UDPAddr{IP: loopback, Port: 2055})
	receiver := listen(t, &net.UDPAddr{IP: loopback})
	sender := dial(t, receiver.LocalAddr().(*net.UDPAddr))
	rule := []string{"OUTPUT", "-p", "udp", "--dport", fmt.Sprint(receiver.LocalAddr().(*net.UDPAddr).Port), "-j", "NETFLOW"}
	run(t, "iptables-legacy", append([]string{"-A"}, rule...)...)
	t.Cleanup(func() { run(t, "iptables-legacy", append([]string{"-D"}, rule...)...) })
	const packets, text = 3, "0123456789"
	for range packets {
		send(t, sender, text)
	}
	write(t, "/proc/sys/net/netflow/flush", "1")
	packet, _ := receive(t, collector)
	if len(packet) != 24+48 || binary.BigEndian.Uint16(packet) != 5 || binary.BigEndian.Uint16(packet[2:]) != 1 {
		t.Fatalf("got packet %x, want one of NetFlow 5 with one flow", packet)
	}
	flow := packet[24:]
	for _, field := range []struct {
		name      string
		got, want uint32
	}{
		{"source address", binary.BigEndian.Uint32(flow), 0x7f000001},
		{"destination address", binary.BigEndian.Uint32(flow[4:]), 0x7f000001},
		{"number of packets", binary.BigEndian.Uint32(flow[16:]), packets},
		{"number of bytes", binary.BigEndian.Uint32(flow[20:]), packets * (20 + 8 + uint32(len(text)))},
		{"source port", uint32(binary.BigEndian.Uint16(flow[32:])), uint32(sender.LocalAddr().(*net.UDPAddr).Port)},
		{"destination port", uint32(binary.BigEndian.Uint16(flow[34:])), uint32(receiver.LocalAddr().(*net.UDPAddr).Port)},
		{"protocol", uint32(flow[38]), 17},
	} {
		if field.got != field.want {
			t.Errorf("the flow's %s is %#x, want %#x", field.name, field.got, field.want)
		}
	}
}
