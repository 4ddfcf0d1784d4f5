//go:build kvm

package nested

import (
	"strings"
	"testing"
)

func TestBoots(t *testing.T) {
	p := outer(t)
	r := inner{innerRun: red, place: p, env: []string{"KMODTEST_ACCEL=kvm", "KMODTEST_SNAPSHOT=off"}}.run(t, "-test.run=^TestPasses$")
	if r.status != 0 || r.stdout != "PASS\n" || !strings.Contains(r.stderr, ", KVM, ") {
		t.Errorf("exit status %d, output %q; want 0 and PASS\n%s", r.status, r.stdout, r.stderr)
	}
}

func TestDetects(t *testing.T) {
	p := outer(t)
	r := inner{innerRun: red, place: p, env: nil}.run(t, "-test.run=^TestPasses$")
	if r.status != 0 || r.stdout != "PASS\n" || !strings.Contains(r.stderr, ", KVM, ") {
		t.Errorf("exit status %d, output %q; want 0 and PASS\n%s", r.status, r.stdout, r.stderr)
	}
}
