package guest

import (
	"strings"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/leaks"
)

// NoLeaks fails the test if the modules under test hold more at its end, after all other
// cleanups, than at this call:
//
//   - references of the modules;
//   - slab caches that they have made, and objects in them, unless the kernel has merged a
//     cache with others;
//   - memory of vmalloc and ioremap;
//   - memory of kmalloc, if the kernel's parameter slub_debug=U is in Config.KernelArgs: the
//     kernel then notes who has allocated each object;
//   - on a kernel with CONFIG_DEBUG_KMEMLEAK, all memory of modules to which nothing points,
//     which takes more than 6 seconds.
//
// Network, user, PID and UTS namespaces that still exist count, too. What the kernel releases
// in the background has 5 seconds. No other test may use the modules meanwhile.
func NoLeaks(tb testing.TB) {
	tb.Helper()
	require(tb)
	scan, err := leaks.BeginScan()
	if err != nil {
		tb.Fatalf("NoLeaks: %v", err)
	}
	before, err := leaks.Begin()
	if err != nil {
		tb.Fatalf("NoLeaks: %v", err)
	}
	tb.Cleanup(func() {
		tb.Helper()
		growth, err := growthSince(before)
		if err != nil {
			tb.Errorf("NoLeaks: %v", err)
		}
		for _, text := range growth {
			tb.Errorf("leak: %s", text)
		}
		if scan == nil {
			return
		}
		reports, err := scan.End()
		if err != nil {
			tb.Errorf("NoLeaks: %v", err)
		}
		if len(reports) > 0 {
			tb.Errorf("leak: kmemleak has found memory to which nothing points:\n%s", strings.Join(reports, "\n"))
		}
	})
}

// background is how long the kernel may take to release something in the background.
const background = 5 * time.Second

// leastCounts is how often it is looked at meanwhile, on however slow a host.
const leastCounts = 4

// growthSince waits until the modules hold no more than before, and returns what they
// still hold after some time.
func growthSince(before leaks.Snapshot) ([]string, error) {
	deadline := time.Now().Add(background)
	for i := 1; ; i++ {
		now, err := leaks.End()
		if err != nil {
			return nil, err
		}
		if growth := now.Growth(before); len(growth) == 0 || i >= leastCounts && time.Now().After(deadline) {
			return growth, nil
		}
		time.Sleep(background / 30)
	}
}
