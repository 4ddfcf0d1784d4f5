package vmtest

import (
	"os"
	"strings"
	"testing"
	"time"
)

// kmemleak is where kernels with CONFIG_DEBUG_KMEMLEAK tell of memory that
// nothing refers to any more.
const kmemleak = "/sys/kernel/debug/kmemleak"

// askKmemleak gives kmemleak an order.
func askKmemleak(t *testing.T, order string) {
	t.Helper()
	if err := os.WriteFile(kmemleak, []byte(order), 0); err != nil {
		t.Fatalf("kmemleak: %s: %v", order, err)
	}
}

// The end of a network namespace frees all that the module had for it.
func TestNamespacesLeakNothing(t *testing.T) {
	const youngest = 5 * time.Second // younger memory is not suspected
	needs(t, "CONFIG_DEBUG_KMEMLEAK", kmemleak)
	askKmemleak(t, "scan")
	askKmemleak(t, "clear") // what others may have left
	for range 20 {
		t.Run("namespace", func(t *testing.T) { newSocket(t).store(t, longest("m")) })
	}
	time.Sleep(youngest + time.Second)
	askKmemleak(t, "scan") // which notes what is in the memory that nothing refers to
	askKmemleak(t, "scan") // and reports what has not changed since
	leaks, err := os.ReadFile(kmemleak)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(leaks), "["+module+"]") {
		t.Fatalf("network namespaces that have ended left memory of the module's:\n%s", leaks)
	}
}
