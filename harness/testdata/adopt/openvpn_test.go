package adopt

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
)

// Two programs openvpn agree on keys, and the module encrypts the packets of their tunnel.
func tunnels(t *testing.T) {
	identity := newIdentity(t)
	left, right := guest.NewNamespace(t, "left"), guest.NewNamespace(t, "right")
	leftEnd, rightEnd := left.Join(right)
	waitLeft := startOpenVPN(t, left, append(identity, "--tls-server", "--dh", "none", "--local", ip(leftEnd), "--remote", ip(rightEnd), "--ifconfig", "10.9.0.1", "10.9.0.2")...)
	waitRight := startOpenVPN(t, right, append(identity, "--tls-client", "--local", ip(rightEnd), "--remote", ip(leftEnd), "--ifconfig", "10.9.0.2", "10.9.0.1")...)
	waitLeft()
	waitRight()
	var receiver, sender *net.UDPConn
	right.Run(func() {
		receiver = listen(t, &net.UDPAddr{IP: net.IPv4(10, 9, 0, 2)})
		if link := run(t, "ip", "-details", "link", "show", "tunnel0"); !strings.Contains(link, "ovpn-dco") {
			t.Errorf("the tunnel is not one of the module: %s", link)
		}
	})
	left.Run(func() { sender = dial(t, receiver.LocalAddr().(*net.UDPAddr)) })
	send(t, sender, "through the tunnel")
	if got, from := receive(t, receiver); string(got) != "through the tunnel" || !from.IP.Equal(net.IPv4(10, 9, 0, 1)) {
		t.Errorf("got packet %q from %v, want that of 10.9.0.1", got, from)
	}
}

func ip(end guest.End) string { return net.IP(end.IPv4[:]).String() }

// newIdentity makes a certificate that both ends have and trust, and returns the
// arguments of openvpn for it.
func newIdentity(t *testing.T) []string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "adopted"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "identity.pem")
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--cert", path, "--key", path, "--peer-fingerprint", fingerprint(certificate)}
}

// fingerprint returns the digest of a certificate as openvpn reads it: 01:23:…
func fingerprint(certificate []byte) string {
	var parts []string
	for _, b := range sha256.Sum256(certificate) {
		parts = append(parts, fmt.Sprintf("%02X", b))
	}
	return strings.Join(parts, ":")
}

// tunnelLimit is how long a tunnel may exist.
const tunnelLimit = 2 * time.Minute

// startOpenVPN starts openvpn in a namespace, and ends it at cleanup. The function that
// it returns waits until the tunnel is ready.
func startOpenVPN(t *testing.T, place *guest.Namespace, args ...string) (wait func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), tunnelLimit)
	cmd := exec.CommandContext(ctx, "openvpn", append([]string{"--dev", "tunnel0", "--dev-type", "tun", "--proto", "udp", "--data-ciphers", "AES-128-GCM"}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) } // it removes the tunnel, whose socket is in the namespace
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	place.Run(func() { err = cmd.Start() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was ended
	})
	return func() {
		t.Helper()
		var said strings.Builder
		for lines := bufio.NewScanner(out); lines.Scan(); {
			said.WriteString(lines.Text() + "\n")
			if strings.Contains(lines.Text(), "Initialization Sequence Completed") {
				return
			}
		}
		t.Fatalf("openvpn has ended:\n%s", &said)
	}
}
