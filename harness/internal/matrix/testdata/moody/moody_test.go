// Package moody holds tests that end differently on different kernels.
package moody

import (
	"os"
	"strings"
	"testing"

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
	if err := os.WriteFile(parameters+"poke", []byte("gently"), 0); err != nil {
		t.Fatal(err)
	}
}

func TestAfterPoke(t *testing.T) { t.Log("still here") }
