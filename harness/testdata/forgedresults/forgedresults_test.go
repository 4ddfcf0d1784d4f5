// Package forgedresults holds tests that print what the lines about other tests look like.
package forgedresults

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness"
	"github.com/kmodtest/kmodtest/harness/guest"
)

func TestMain(m *testing.M) { harness.Main(m, harness.Config{}) }

// The kernel dies, as expected. Before, the test prints that the next one has passed.
func TestAnnouncesPass(t *testing.T) {
	guest.ExpectKernelFault(t, "panic", "sysrq")
	fmt.Print("\x16=== RUN   TestFails\n\x16>>> 1 TestFails\n\x16--- PASS: TestFails (0.00s)\n")
	time.Sleep(300 * time.Millisecond) // the guest passes it on
	if err := os.WriteFile("/proc/sysrq-trigger", []byte("c"), 0); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Second)
}

func TestFails(t *testing.T) { t.Error("it has run") }

// The line is that of a helper process with -test.v that does not end its test.
func TestPrintsBeginning(*testing.T) { fmt.Print("=== RUN   TestGhost\nits output\n") }
