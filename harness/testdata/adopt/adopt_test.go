// Package adopt tests modules that others have written, as packages for DKMS. TestLoads
// runs for each, and TestWork for those that have a work.
package adopt

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness"
)

// ADOPT_SOURCE is the directory of a package, and ADOPT_NAME its name, if it is to do its
// work. ADOPT_BUILT is the directory of modules that DKMS has built, to load by hand.
func TestMain(m *testing.M) {
	source, work := os.Getenv("ADOPT_SOURCE"), works[os.Getenv("ADOPT_NAME")]
	config := work.config
	switch {
	case os.Getenv("ADOPT_BUILT") != "":
		config.Files = []string{os.Getenv("ADOPT_BUILT"), "insmod", "modinfo"}
	case work.load != nil:
		config.Builds = []harness.Build{{Root: source, Load: work.load}}
	default:
		config.Modules = []string{source}
	}
	harness.Main(m, config)
}

// outside matches the flags of a module that was built outside of the kernel's tree, such as (OE) or (POE).
var outside = regexp.MustCompile(`\([A-Z+-]*O[A-Z+-]*\)`)

func TestLoads(t *testing.T) {
	text, err := os.ReadFile("/proc/modules")
	if err != nil {
		t.Fatal(err)
	}
	var loaded []string
	for line := range strings.Lines(string(text)) {
		if outside.MatchString(line) {
			loaded = append(loaded, strings.Fields(line)[0])
		}
	}
	if len(loaded) == 0 {
		t.Error("none of the package's modules is loaded")
	}
	t.Log("loaded: ", strings.Join(loaded, " "))
}

// work is a test of what the modules of a package are for.
type work struct {
	title  string // of the test
	test   func(t *testing.T)
	load   []string       // as in harness.Build
	config harness.Config // without modules
}

// works are those of packages, without the -dkms at the ends of their names.
var works = map[string]work{
	"acpi-call":        {title: "evaluates an object of ACPI", test: evaluatesObject},
	"apfs":             {title: "keeps a file", test: keepsFile, config: with("mkapfs")},
	"dm-writeboost":    {title: "writes a block back from the cache", test: writesBack, config: with("dmsetup")},
	"dpdk-kmods":       {title: "gives a PCI device to a program", test: drivesDevice, config: harness.Config{Devices: edu}},
	"gost-crypto":      {title: "computes a known hash", test: hashes},
	"iptables-netflow": {title: "exports a flow as NetFlow", test: exportsFlow, load: []string{netflow}, config: with("iptables-legacy", extensions, netflowLibrary())},
	"jool":             {title: "translates packets of IPv6 and IPv4", test: translatesPackets, config: with("jool", "ip")},
	"lime-forensics":   {title: "dumps the memory", test: dumpsMemory, load: []string{}, config: harness.Config{Memory: 384}},
	"openvpn-dco":      {title: "carries packets of a tunnel", test: tunnels, config: with("openvpn", "ip")},
	"rapiddisk":        {title: "makes a disk in memory, and caches another one", test: cachesDisk, config: with("dmsetup")},
	"v4l2loopback":     {title: "passes a frame of video", test: playsCamera},
	"vpoll":            {title: "reports chosen events to poll", test: reportsEvents},
	"xtables-addons":   {title: "drops packets while a condition is set", test: matchesCondition, load: []string{"xt_condition"}, config: with("iptables-legacy", extensions)},
}

// with returns a configuration with files and programs of the host.
func with(files ...string) harness.Config { return harness.Config{Files: files} }

func TestWork(t *testing.T) {
	work, ok := works[os.Getenv("ADOPT_NAME")]
	if !ok {
		t.Fatalf("no work is known for the package %q", os.Getenv("ADOPT_NAME"))
	}
	t.Run(work.title, work.test)
}
