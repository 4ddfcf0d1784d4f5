//go:build faults

package harness_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// point matches a line in the list of lkdtm's crash points.
var point = regexp.MustCompile(`(?m)^point (\S+)$`)

// endless are points that take longer than -timeout, which ends the run: the tests
// after them do not run.
var endless = []string{"ATOMIC_TIMING", "HARDLOCKUP", "HUNG_TASK", "LOOP", "REFCOUNT_TIMING", "SMP_CALL_LOCKUP", "SOFTLOCKUP"}

// Each crash point of lkdtm is triggered once, in a separate run, between two
// harmless tests. All faults that the kernel reports are found.
func TestLKDTM(t *testing.T) {
	bin, qemus := binary(t, "lkdtm"), listener(t, "debug")
	list := newCommand(t, []string{"KMODTEST_KERNEL=debug"}, bin, "-test.run=^TestList$")
	if status := list.status(t); status != 0 {
		t.Fatalf("exit status %d\n%s%s", status, &list.stdout, &list.stderr)
	}
	var mu sync.Mutex
	rows := map[string]string{}
	t.Run("points", func(t *testing.T) {
		for _, m := range point.FindAllStringSubmatch(list.stdout.String(), -1) {
			name := m[1]
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				b := breakKernel(t, "debug", qemus, bin, "lkdtm-"+strings.ToLower(name), "^TestPoint$/^"+name+"$", time.Minute)
				test := "TestPoint/" + name
				hangs := slices.Contains(endless, name) // its console then has the answers to SysRq keys
				if line := b.unseen(); line != "" && !hangs {
					t.Errorf("the kernel reported a fault that was not found: %s", line)
				}
				found, blamed, on := len(b.faults) > 0, b.attributed(test+"/breaks"), slices.Contains(b.passed, test+"/after")
				if found && !blamed || on == hangs {
					t.Errorf("found %v, attributed %v, gone on %v\n%s", found, blamed, on, b.output)
				}
				mu.Lock()
				defer mu.Unlock()
				rows[name] = fmt.Sprintf("| %#q | %s | %s | %s | %s |\n", name, strings.Join(b.kinds(), ", "), yes(found), yes(blamed), yes(on))
			})
		}
	})
	table := "| crash point | kind | found | attributed | gone on |\n|---|---|---|---|---|\n"
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		table += rows[name]
	}
	document(t, "lkdtm", table)
}
