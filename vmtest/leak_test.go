package vmtest

import (
	"os"
	"strings"
	"testing"
	"time"
)

// kmemleak is the file in which a kernel with CONFIG_DEBUG_KMEMLEAK reports
// unreferenced memory.
const kmemleak = "/sys/kernel/debug/kmemleak"

// commandKmemleak writes a command to kmemleak.
func commandKmemleak(t *testing.T, command string) {
	t.Helper()
	if err := os.WriteFile(kmemleak, []byte(command), 0); err != nil {
		t.Fatalf("kmemleak: %s: %v", command, err)
	}
}

// The end of a network namespace frees all memory that the module allocated for
// it.
func TestNamespacesLeakNothing(t *testing.T) {
	const youngest = 5 * time.Second // kmemleak does not report younger memory
	needs(t, "CONFIG_DEBUG_KMEMLEAK", kmemleak)
	commandKmemleak(t, "scan")
	commandKmemleak(t, "clear") // discard leaks of other tests
	for range 20 {
		t.Run("namespace", func(t *testing.T) { newSocket(t).store(t, longest("m")) })
	}
	time.Sleep(youngest + time.Second)
	commandKmemleak(t, "scan") // record the checksums of unreferenced memory
	commandKmemleak(t, "scan") // report memory that has not changed since
	leaks, err := os.ReadFile(kmemleak)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(leaks), "["+module+"]") {
		t.Fatalf("the module leaked memory of network namespaces that have ended:\n%s", leaks)
	}
}
