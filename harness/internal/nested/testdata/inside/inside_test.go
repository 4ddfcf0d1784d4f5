// Package inside has tests that describe the guest in which they run. The tests of
// package nested run them under KVM.
package inside

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness"
	"github.com/kmodtest/kmodtest/harness/guest"
)

// module is any module that can be unloaded.
const module = "ip_tables"

func TestMain(m *testing.M) { harness.Main(m, harness.Config{KernelModules: []string{module}}) }

// TestDescribes prints what was chosen for the accelerator.
func TestDescribes(t *testing.T) {
	for name, path := range map[string]string{
		"timer slack": "/proc/self/timerslack_ns", "command line": "/proc/cmdline",
		"clock": "/sys/devices/system/clocksource/clocksource0/current_clocksource",
	} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("%s is %s\n", name, strings.TrimSpace(string(text)))
	}
}

// TestUnloads prints how long ten unloads take, with and without expedited grace
// periods of RCU.
func TestUnloads(t *testing.T) {
	for _, expedited := range []string{"1", "0"} {
		if err := os.WriteFile("/sys/kernel/rcu_expedited", []byte(expedited), 0); err != nil {
			t.Fatal(err)
		}
		var took time.Duration
		for range 10 {
			guest.LoadModule(t, module)
			start := time.Now()
			guest.UnloadModule(t, module)
			took += time.Since(start)
		}
		fmt.Printf("unloads with rcu_expedited=%s took %.0f ms\n", expedited, took.Seconds()*1000)
	}
}
