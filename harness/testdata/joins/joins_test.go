// Package joins tests that modules with builds of many kinds join, each in its own way.
package joins

import (
	"os"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness"
)

func TestMain(m *testing.M) {
	config := harness.Config{
		Modules: []string{"../modules/asks", "src/link", "src/flag", "src/deep"},
		Files:   []string{"../autoload/testdata/asks.bin:/lib/firmware/kmodtest/asks.bin"},
	}
	config.Builds = []harness.Build{
		{Root: "src/above", Dirs: []string{"mods/one", "mods/two"}},
		{Root: "src/generated", Prepare: "./make_header"},
		{Root: "src/variable", Make: []string{"CONFIG_JOINS=m"}},
		{Root: "src/script", Prepare: "./configure script"},
	}
	harness.Main(m, config)
}

// wantParameter checks that a module is loaded, by the value of a parameter.
func wantParameter(t *testing.T, module, parameter, want string) {
	t.Helper()
	text, err := os.ReadFile("/sys/module/" + module + "/parameters/" + parameter)
	if got := strings.TrimSpace(string(text)); err != nil || got != want {
		t.Errorf("parameter %s of module %s is %q, %v; want %q", parameter, module, got, err, want)
	}
}

func TestHeaderAboveTwoModules(t *testing.T) {
	wantParameter(t, "above_one", "value", "1")
	wantParameter(t, "above_two", "value", "1")
}

func TestGeneratedHeader(t *testing.T) { wantParameter(t, "generated", "value", "1") }

func TestMakeVariable(t *testing.T) { wantParameter(t, "variable", "value", "1") }

func TestScriptThatMakesKbuild(t *testing.T) { wantParameter(t, "script", "value", "1") }

func TestDanglingLink(t *testing.T) { wantParameter(t, "link", "value", "1") }

func TestFlagInCC(t *testing.T) { wantParameter(t, "flag", "value", "1") }

func TestModuleThreeLevelsDown(t *testing.T) { wantParameter(t, "deep", "value", "1") }

// TestSoftDependency looks for the module that MODULE_SOFTDEP names.
func TestSoftDependency(t *testing.T) {
	if _, err := os.Stat("/sys/module/ifb"); err != nil {
		t.Error(err)
	}
}

func TestFirmwareInInit(t *testing.T) { wantParameter(t, "asks", "firmware", "firmware of asks") }
