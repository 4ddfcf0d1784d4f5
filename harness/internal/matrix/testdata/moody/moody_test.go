// Package moody has tests with different results on different kernels.
package moody

import (
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness"
)

const parameters = "/sys/module/moody/parameters/"

func TestMain(m *testing.M) { harness.Main(m, harness.Config{Modules: []string{"kmod"}}) }

func TestIsLoaded(t *testing.T) {
	if _, err := os.Stat(parameters); err != nil {
		t.Fatal(err)
	}
}

func TestAnswer(t *testing.T) {
	answer, err := os.ReadFile(parameters + "answer")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("readable", func(t *testing.T) { t.Logf("the answer is %s", answer) })
	t.Run("right", func(t *testing.T) {
		if got := strings.TrimSpace(string(answer)); got != "42" {
			t.Errorf("the answer is %s; want 42 & </script><script>alert(1)</script>", got)
		}
	})
}

func TestIsOptional(t *testing.T) { t.Skip("nobody needs it") }

func TestPoke(t *testing.T) {
	awaitReader(t)
	if err := os.WriteFile(parameters+"poke", []byte("gently"), 0); err != nil {
		t.Fatal(err)
	}
}

// awaitReader waits until all output has been read from this process, and most
// likely has left the guest: the crash that follows would lose the rest.
func awaitReader(t *testing.T) {
	t.Helper()
	for waiting := 1; waiting > 0; {
		var err error
		if waiting, err = unix.IoctlGetInt(int(os.Stdout.Fd()), unix.TIOCINQ); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond) // the guest cannot find out when the host has read it
	}
}

func TestAfterPoke(t *testing.T) { t.Log("still here") }
