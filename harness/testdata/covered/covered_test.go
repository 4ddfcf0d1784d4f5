package covered

import (
	"os"
	"testing"

	"github.com/kmodtest/kmodtest/harness"
	"github.com/kmodtest/kmodtest/harness/guest"
)

func TestMain(m *testing.M) {
	harness.Main(m, harness.Config{Modules: []string{"../modules/covered"}})
}

func set(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile("/sys/module/covered/parameters/value", []byte(text), 0); err != nil {
		t.Error(err)
	}
}

func TestA(t *testing.T) { set(t, "a") }

func TestPanic(t *testing.T) {
	guest.ExpectKernelFault(t, "panic", "value is panic")
	set(t, "panic")
	t.Error("the kernel lives")
}

func TestB(t *testing.T) { t.Run("sub", func(t *testing.T) { set(t, "b") }) }

func TestLoadAgain(t *testing.T) {
	guest.UnloadModule(t, "covered") // cleanup loads it again
	if err := guest.TryLoadModule(t, "covered", "refuse=1"); err == nil {
		t.Error("the module loads")
	}
}
