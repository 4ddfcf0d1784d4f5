//go:build foreign

package foreign

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var (
	document  = flag.String("document", "", "the document to update with the results of the packages")
	chosen    = flag.String("packages", "", "comma-separated parts of the modules' names; all if empty")
	kernel    = flag.String("kernel", "6.12-full", "the kernel to run the tests in")
	keptFiles = flag.String("keep", "", "a directory for the output of go test -json")
)

// suite is the tests of a module, at a version that the module proxy has.
type suite struct {
	module, version string
	flags           []string // of kmodtest test
	runs            []run
}

// run is the arguments of one go test.
type run struct{ packages, flags []string }

var suites = []suite{
	{"golang.org/x/sys", "v0.50.0", nil, []run{{[]string{"./unix"}, nil}}},
	{"github.com/cilium/ebpf", "v0.22.0", loads("nf_conntrack"), []run{{[]string{".", "./link", "./features", "./perf", "./ringbuf"}, nil}}},
	{
		"github.com/containerd/cgroups/v3", "v3.1.0",
		[]string{"--allow=out.of.memory"},
		[]run{{[]string{"./..."}, nil}},
	},
	{"github.com/google/nftables", "v0.3.0", nil, []run{
		{[]string{".", "./integration", "./userdata"}, []string{"-run_system_tests"}},
		{[]string{"./alignedbuff", "./binaryutil", "./expr", "./xt"}, nil},
	}},
	{"github.com/mdlayher/netlink", "v1.11.2", nil, []run{{[]string{"./..."}, nil}}},
	{
		"github.com/vishvananda/netlink", "v1.3.1",
		// The kernel counts the lifetime of a state of IPsec from before it loads modules for it, so they are loaded before.
		append(loads("authenc", "crypto_null", "echainiv", "esp4", "fou", "gtp", "ip_gre", "mpls_iptunnel", "nf_conntrack",
			"nf_conntrack_netlink", "psample", "rdma_rxe", "sch_hfsc", "sch_sfq", "vdpa"), "--kernel-arg=nf_conntrack.enable_hooks=1"), // else connections are tracked only where a rule needs it
		[]run{{[]string{".", "./nl"}, nil}},
	},
}

// loads returns the flags that load modules of the kernel.
func loads(modules ...string) (flags []string) {
	for _, module := range modules {
		flags = append(flags, "--load-module", module)
	}
	return flags
}

// The tests of packages that know nothing of kmodtest have the results in the guest that
// they have on the host as root, or the reasons why not are known.
func TestSuitesOfOthersRunInGuest(t *testing.T) {
	reasons, err := ReadReasons(filepath.Join("testdata", "reasons.toml"))
	if err != nil {
		t.Fatal(err)
	}
	program := buildKmodtest(t)
	for _, s := range suites {
		if !slices.ContainsFunc(strings.Split(*chosen, ","), func(part string) bool { return strings.Contains(s.module, part) }) {
			continue
		}
		t.Run(s.module, func(t *testing.T) { s.compare(t, program, reasons) })
	}
}

func (s suite) compare(t *testing.T, program string, reasons Reasons) {
	dir := fetch(t, s.module, s.version)
	report := Report{Module: s.module, Version: s.version, Native: Results{}, Guest: Results{}}
	guest := slices.Concat([]string{program, "test", "--kernel", *kernel}, s.flags)
	for _, r := range s.runs {
		report.Packages = append(report.Packages, packagesOf(t, dir, r.packages)...)
		report.Commands = append(report.Commands, strings.Join(slices.Concat([]string{"kmodtest"}, guest[1:], r.packages, r.flags), " "))
		runSuite(t, report.Native, dir, append(slices.Clone(native), "-timeout=1m"), r)
		runSuite(t, report.Guest, dir, append(slices.Clone(guest), "-timeout=10m"), r)
	}
	unchanged(t, dir, s.module+"@"+s.version)
	report.Worse, report.Better = Worse(report.Native, report.Guest), Better(report.Native, report.Guest)
	for _, d := range reasons.Explain(report.Worse, report.Guest) {
		t.Errorf("%s %s: %s on the host, %s in the guest, without a reason in reasons.toml. It prints:\n%s",
			d.Package, d.Name, d.Native, d.Guest, report.Guest.output(d.Test))
	}
	for _, reason := range reasons.Unused(s.module) {
		t.Errorf("reasons.toml: %s: no test has this reason any more", reason)
	}
	for _, row := range report.rows() {
		t.Log(row)
	}
	if *document == "" || t.Failed() {
		return
	}
	text, err := os.ReadFile(*document)
	if err != nil {
		t.Fatal(err)
	}
	updated, err := report.Update(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(*document, []byte(updated), 0o644); err != nil {
		t.Fatal(err)
	}
}
