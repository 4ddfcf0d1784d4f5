package modindex

import "strings"

// probes are patterns of names that kernels ask for on any system, although nothing is
// missing: they try a special name before a general one, or look for an interface.
var probes = []string{
	"netdev-*",                   // each look-up of an interface that does not exist
	"net-pf-*-proto-*-type-*",    // followed by the name without the type
	"net-pf-*-proto-262",         // MPTCP: listeners of Go programs try it before TCP
	"net-pf-16-proto-*-family-*", // programs try the families of generic netlink
	"crypto-*-all",               // followed the name without -all
	"crypto-*(*",                 // an instance, before its template
	"nft-expr-[0-9]*-*",          // for one family, before that for all
	"nft-chain-[0-9]*-*",
	"binfmt-*", // each file that is no program
}

// IsProbe reports whether the kernel's request for a name is of no interest if there
// is no such module. asked reports whether it has asked for another name before.
func IsProbe(name string, asked func(name string) bool) bool {
	for _, pattern := range probes {
		if matches(pattern, name) {
			return true
		}
	}
	// After netdev-eth0 the kernel tries eth0.
	return name == "" || !strings.Contains(name, "-") && asked("netdev-"+name)
}
