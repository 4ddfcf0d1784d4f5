package adopt

import (
	"net"
	"testing"

	"github.com/kmodtest/kmodtest/harness/guest"
)

// A client that has IPv6 alone and a server that has IPv4 alone exchange packets through
// a translator between them.
func translatesPackets(t *testing.T) {
	client, translator, server := guest.NewNamespace(t, "client"), guest.NewNamespace(t, "translator"), guest.NewNamespace(t, "server")
	_, gateway := client.Join(translator)
	outer, end := translator.Join(server)
	translator.Run(func() {
		write(t, "/proc/sys/net/ipv4/conf/all/forwarding", "1")
		write(t, "/proc/sys/net/ipv6/conf/all/forwarding", "1")
		run(t, "jool", "instance", "add", "adopted", "--netfilter", "--pool6", "64:ff9b::/96")
	})
	var answering, asking *net.UDPConn
	server.Run(func() { answering = listen(t, &net.UDPAddr{IP: end.IPv4[:]}) })
	client.Run(func() {
		run(t, "ip", "-6", "route", "add", "64:ff9b::/96", "via", net.IP(gateway.IPv6[:]).String())
		translated := append(net.ParseIP("64:ff9b::")[:12], end.IPv4[:]...)
		asking = dial(t, &net.UDPAddr{IP: translated, Port: answering.LocalAddr().(*net.UDPAddr).Port})
	})
	send(t, asking, "question")
	packet, from := receive(t, answering)
	if string(packet) != "question" || !from.IP.Equal(outer.IPv4[:]) {
		t.Errorf("the server got %q from %v, want the question from the translator's %v", packet, from, outer.IPv4)
	}
	if _, err := answering.WriteToUDP([]byte("answer"), from); err != nil {
		t.Fatal(err)
	}
	if packet, _ := receive(t, asking); string(packet) != "answer" {
		t.Errorf("the client got %q, want the answer", packet)
	}
}
