package harness_test

import (
	"regexp"
	"strings"
	"testing"
)

// The kernel gets the modules that it asks for from the host, before the tests and
// during them: in a machine that is restored and in one that boots.
func TestKernelGetsModules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ kernel, snapshot string }{{"5.10", "on"}, {"6.1", "on"}, {"6.1", "off"}, {"6.12", "on"}} {
		t.Run(c.kernel+" snapshot "+c.snapshot, func(t *testing.T) {
			t.Parallel()
			run := newCommand(t, []string{"KMODTEST_KERNEL=" + c.kernel, "KMODTEST_SNAPSHOT=" + c.snapshot}, binary(t, "autoload"), "-test.v", "-test.timeout=4m")
			status, out := run.status(t), run.stdout.String()+run.stderr.String()
			if status != 0 {
				t.Fatalf("exit status %d\n%s", status, out)
			}
			for _, name := range []string{"kmodtest-missing", "rtnl-link-kmodtest", "rtnl-link-kmodtest-none"} {
				note := "kmodtest: the kernel asked for module " + name + ", which this kernel does not have\n"
				if n := strings.Count(out, note); n != 1 {
					t.Errorf("%d notes that there is no %s, want 1\n%s", n, name, out)
				}
			}
			if n := strings.Count(out, "the kernel asked for"); n != 3 {
				t.Errorf("%d notes, want 3\n%s", n, out)
			}
		})
	}
}

// In fresh machines as well, also in those that were saved with the files of the job.
func TestFreshMachinesGetModules(t *testing.T) {
	t.Parallel()
	run := newCommand(t, []string{"KMODTEST_FRESH=test"}, binary(t, "autoload"),
		"-test.v", "-test.run=^Test(Veth|BBR|Tun|RequestsOfInit)$", "-test.timeout=4m")
	if status := run.status(t); status != 0 || strings.Count(run.stdout.String(), "--- PASS") != 4 {
		t.Errorf("exit status %d\n%s%s", status, &run.stdout, &run.stderr)
	}
}

// A module that Config.LoadModules names and that is not there fails the run, and is
// named with the kernel.
func TestModuleToLoadThatIsMissing(t *testing.T) {
	t.Parallel()
	run := newCommand(t, []string{"RED_LOAD=no_such_module"}, binary(t, "red"), "-test.run=^$")
	want := regexp.MustCompile(`module no_such_module does not load: kernel \S+ has no module no_such_module`)
	if status := run.status(t); status != 1 || !want.MatchString(run.stderr.String()) {
		t.Errorf("exit status %d, want 1 and %q\n%s%s", status, want, &run.stdout, &run.stderr)
	}
}
