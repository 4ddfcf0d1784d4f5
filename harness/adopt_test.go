//go:build adopt

package harness_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/verdict"
	"github.com/kmodtest/kmodtest/images"
)

var (
	adoptDocument = flag.String("document", "", "the document to update with the table of packages; requires all packages")
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

// adopted is a row of the table.
type adopted struct{ name, kernel, dkms, result string }

// Each package that DKMS builds is built by naming its directory alone.
func TestPackagesOfDebianAreAdopted(t *testing.T) {
	var rows []adopted
	dkms := filepath.Join(unpackDebian(t, "dkms"), "usr/sbin/dkms")
	for name := range strings.SplitSeq(*adoptPackages, ",") {
		t.Run(name, func(t *testing.T) {
			source := sourceOf(t, unpackDebian(t, name+"-dkms"))
			row := adopt(t, dkms, source, *adoptKernel)
			rows = append(rows, row)
			if row.dkms == notApplicable {
				rows = append(rows, adopt(t, dkms, source, *adoptKernel+"-full"))
			}
		})
	}
	table := "| package | kernel | `dkms build` | kmodtest |\n|---|---|---|---|\n"
	for _, row := range rows {
		table += fmt.Sprintf("| %s | %s | %s | %s |\n", row.name, row.kernel, row.dkms, row.result)
	}
	t.Log("\n" + table)
	updateAdopted(t, table)
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

// adopt builds a package with DKMS and with the harness, and loads it in the guest.
func adopt(t *testing.T, dkms, source, kernel string) adopted {
	t.Helper()
	row := adopted{name: filepath.Base(source), kernel: kernel, dkms: dkmsBuilds(t, dkms, source, kernel)}
	file := filepath.Join(t.TempDir(), "verdict.json")
	c := newCommand(t, []string{
		"KMODTEST_KERNEL=" + kernel, "KMODTEST_SNAPSHOT=off", "ADOPT_SOURCE=" + source, "KMODTEST_VERDICT=" + file,
	}, binary(t, "adopt"), "-test.run=^TestLoads$")
	c.status(t) // the verdict tells more
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err, c.stderr.String())
	}
	var v verdict.Report
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	row.result = summary(v)
	switch {
	case row.dkms == "builds" && v.Stage == verdict.BuildStage:
		t.Errorf("%s on %s: DKMS builds it, kmodtest does not:\n%s", row.name, kernel, c.stderr.String())
	case (row.dkms == notApplicable) != (v.Kind == notApplicable):
		t.Errorf("%s on %s: by DKMS it %s, by kmodtest: %s", row.name, kernel, row.dkms, v.Title)
	case v.Kind == verdict.HostBroke.String() || v.Kind == verdict.GuestDown.String():
		t.Errorf("%s on %s: %s: %s", row.name, kernel, v.Kind, v.Title)
	}
	return row
}

// summary returns the result of a run for the table.
func summary(v verdict.Report) string {
	switch {
	case v.Kind == "":
		return "builds, loads, unloads"
	case v.Kind == notApplicable:
		return notApplicable
	case v.Stage == verdict.BuildStage:
		return "does not build"
	}
	text := "builds; " + v.Title
	if strings.Contains(v.Title, "no such device") {
		text += " (it drives a device that the machine does not have)"
	}
	if strings.Contains(v.Title, "invalid argument") {
		text += " (it requires a parameter)"
	}
	return strings.ReplaceAll(text, "|", "\\|")
}

// dkmsBuilds returns what DKMS says about a package, in a tree of its own.
func dkmsBuilds(t *testing.T, dkms, source, kernel string) string {
	t.Helper()
	k, err := images.Resolve(t.Context(), kernel, images.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("bash", "-c", `. "$1" >/dev/null 2>&1; echo "$PACKAGE_NAME/$PACKAGE_VERSION"`, "bash", filepath.Join(source, "dkms.conf")).Output()
	if err != nil {
		t.Fatalf("read the name of the package in %s: %v", source, err)
	}
	name, version, _ := strings.Cut(strings.TrimSpace(string(out)), "/")
	cmd := exec.Command("bash", dkms, "build", "-m", name, "-v", version, "-k", k.Release, "-a", "x86_64",
		"--dkmstree", t.TempDir(), "--sourcetree", filepath.Dir(source), "--kernelsourcedir", k.Build)
	said, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return "builds"
	case !errors.As(err, &exit):
		t.Fatal(err)
	case exit.ExitCode() == 77:
		return notApplicable
	}
	t.Logf("dkms build of %s %s:\n%s", name, version, said)
	return fmt.Sprintf("fails (%d)", exit.ExitCode())
}

// updateAdopted replaces the table in the document.
func updateAdopted(t *testing.T, table string) {
	t.Helper()
	if *adoptDocument == "" || !slices.Equal(strings.Split(*adoptPackages, ","), packages) {
		return
	}
	const begin, end = "<!-- packages -->\n", "<!-- end of packages -->\n"
	text, err := os.ReadFile(*adoptDocument)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, begins := strings.Cut(string(text), begin)
	_, foot, ends := strings.Cut(rest, end)
	if !begins || !ends {
		t.Fatalf("%s has no place for the table", *adoptDocument)
	}
	if err := os.WriteFile(*adoptDocument, []byte(head+begin+table+end+foot), 0o644); err != nil {
		t.Fatal(err)
	}
}
