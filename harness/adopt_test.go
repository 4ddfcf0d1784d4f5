//go:build adopt

package harness_test

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/verdict"
)

var (
	adoptDocument = flag.String("document", "", "the document to update with the rows of the packages")
	adoptPackages = flag.String("packages", strings.Join(packages, ","), "comma-separated names of Debian packages, without -dkms")
	adoptKernel   = flag.String("kernel", "6.1", "the kernel to adopt packages for; those that it excludes are tried on its -full kernel")
)

// packages are Debian's packages of modules, without the -dkms at their ends.
var packages = []string{
	"acpi-call", "adv-17v35x", "apfs", "bbswitch", "dahdi", "ddcci", "digimend", "dm-writeboost", "dpdk-kmods", "evdi",
	"falcosecurity-scap", "gost-crypto", "iptables-netflow", "jool", "langford", "librem-ec-acpi", "lime-forensics",
	"lttng-modules", "nat-rtsp", "openafs-modules", "openrazer-driver", "openvpn-dco", "rapiddisk", "rtpengine-kernel",
	"tp-smapi", "v4l2loopback", "vpoll", "west-chamber", "xtables-addons", "xtrx",
}

// working are the packages with an entry in the table of works of testdata/adopt.
var working = []string{
	"acpi-call", "apfs", "dm-writeboost", "dpdk-kmods", "gost-crypto", "iptables-netflow", "jool", "lime-forensics",
	"openvpn-dco", "rapiddisk", "v4l2loopback", "vpoll", "xtables-addons",
}

// Each package that DKMS builds is built by naming its directory alone, and loads if it
// does by hand. Some packages do their work.
func TestPackagesOfDebianAreAdopted(t *testing.T) {
	for name := range strings.SplitSeq(*adoptPackages, ",") {
		t.Run(name, func(t *testing.T) {
			p := debianPackage{name: name, source: sourceOf(t, unpackDebian(t, name+"-dkms"))}
			rows := []adopted{adopt(t, p, *adoptKernel)}
			if rows[0].dkms == notApplicable {
				rows = append(rows, adopt(t, p, *adoptKernel+"-full"))
			}
			updateAdopted(t, rows)
		})
	}
}

// debianPackage is an unpacked package.
type debianPackage struct {
	name   string // without -dkms
	source string // the directory with the dkms.conf
}

// unpackDebian fetches a package with the system's apt and unpacks it.
func unpackDebian(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	for _, args := range [][]string{{"apt-get", "-q", "download", name}, {"sh", "-c", "dpkg-deb -x *.deb root"}} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
	}
	return filepath.Join(dir, "root")
}

func sourceOf(t *testing.T, root string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "usr/src/*/dkms.conf"))
	if err != nil || len(found) != 1 {
		t.Fatalf("the package has %d files dkms.conf, want 1: %v", len(found), err)
	}
	return filepath.Dir(found[0])
}

const notApplicable = "not applicable"

// adopt builds a package with DKMS and with the harness, loads it in the guest, and lets
// it do its work.
func adopt(t *testing.T, p debianPackage, kernel string) adopted {
	t.Helper()
	row := adopted{name: filepath.Base(p.source), kernel: kernel}
	var built string
	row.dkms, built = dkmsBuilds(t, p.source, kernel)
	v, said := guestRun(t, kernel, "TestLoads", "ADOPT_SOURCE="+p.source)
	byHand := ""
	if v.Stage == verdict.LoadStage && built != "" {
		byHand = insmod(t, kernel, built)
	}
	row.result = summary(v, byHand)
	switch {
	case row.dkms == dkmsBuilt && v.Stage == verdict.BuildStage:
		t.Errorf("%s on %s: DKMS builds it, kmodtest does not:\n%s", row.name, kernel, said)
	case (row.dkms == notApplicable) != (v.Kind == notApplicable):
		t.Errorf("%s on %s: by DKMS it %s, by kmodtest: %s\n%s", row.name, kernel, row.dkms, v.Title, said)
	case v.Kind == verdict.HostBroke.String() || v.Kind == verdict.GuestDown.String():
		t.Errorf("%s on %s: %s: %s\n%s", row.name, kernel, v.Kind, v.Title, said)
	case v.Stage == verdict.LoadStage && byHand == "":
		t.Errorf("%s on %s: it loads by hand, but: %s\n%s", row.name, kernel, v.Title, said)
	}
	if v.Stage != verdict.BuildStage && slices.Contains(working, p.name) {
		row.work = workOf(t, p, kernel)
	}
	return row
}

// guestRun runs a test of package adopt, and returns the verdict and the output.
func guestRun(t *testing.T, kernel, test string, env ...string) (verdict.Report, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "verdict.json")
	env = append(env, "KMODTEST_KERNEL="+kernel, "KMODTEST_SNAPSHOT=off", "KMODTEST_VERDICT="+file)
	c := newCommand(t, env, binary(t, "adopt"), "-test.v", "-test.run=^"+test+"$")
	c.status(t) // the verdict has more details
	said := c.stdout.String() + c.stderr.String()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err, said)
	}
	var v verdict.Report
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v, said
}

// insmod loads modules by hand, and returns those that do not load, with the reasons.
func insmod(t *testing.T, kernel, dir string) string {
	t.Helper()
	v, said := guestRun(t, kernel, "TestByHand", "ADOPT_BUILT="+dir)
	lines := regexp.MustCompile(`(?m)^insmod (.*): (.*)$`).FindAllStringSubmatch(said, -1)
	if v.Kind != "" || len(lines) == 0 {
		t.Fatalf("load the modules by hand: %s\n%s", v.Title, said)
	}
	var failed []string
	for _, line := range lines {
		if line[2] != "loads" {
			failed = append(failed, line[1]+": "+line[2])
		}
	}
	return strings.Join(failed, ", ")
}

// workOf lets a package do its work, and returns what that is.
func workOf(t *testing.T, p debianPackage, kernel string) string {
	t.Helper()
	v, said := guestRun(t, kernel, "TestWork", "ADOPT_SOURCE="+p.source, "ADOPT_NAME="+p.name)
	title := regexp.MustCompile(`--- PASS: TestWork/(\S+)`).FindStringSubmatch(said)
	if v.Kind != "" || title == nil {
		t.Errorf("%s on %s does not do its work: %s\n%s", p.name, kernel, v.Title, said)
		return "fails"
	}
	return strings.ReplaceAll(title[1], "_", " ")
}

// summary returns the result of a run for the table. byHand has the modules that insmod
// does not load, either.
func summary(v verdict.Report, byHand string) string {
	switch {
	case v.Kind == "":
		return "builds, loads, unloads"
	case v.Kind == notApplicable:
		return notApplicable
	case v.Stage == verdict.BuildStage:
		return "does not build"
	case byHand != "":
		return "builds; " + v.Title + " (`insmod` " + byHand + ")"
	}
	return "builds; " + v.Title
}
