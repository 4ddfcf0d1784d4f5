package guest_test

import (
	"net"
	"testing"
)

// The names are not among those that package net knows without a file.
func TestWellKnownServicesHaveNumbers(t *testing.T) {
	for name, want := range map[[2]string]int{{"udp", "tftp"}: 69, {"udp", "ntp"}: 123, {"tcp", "nfs"}: 2049, {"tcp", "www"}: 80} {
		if got, err := net.LookupPort(name[0], name[1]); err != nil || got != want {
			t.Errorf("%s: %d, %v; want %d", name, got, err, want)
		}
	}
}
