// Package hostile has tests whose names and outputs are commands for GitHub's runner.
package hostile

import (
	"fmt"
	"os"
	"testing"

	"github.com/kmodtest/kmodtest/harness"
)

func TestMain(m *testing.M) { harness.Main(m, harness.Config{}) }

const commands = "::add-mask::passed\n  ::stop-commands::word\n\r::error::a\n\u00a0::set-output name=b::c\n##[error]d\nx ##[add-path]/tmp\n"

func TestPrints(t *testing.T) {
	fmt.Print(commands)
	fmt.Fprint(os.Stderr, commands)
	t.Error(commands)
}

func TestNames(t *testing.T) {
	for _, name := range []string{"::error::e", "\n::error::f", "##[error]g", "\r##[group]h"} {
		t.Run(name, func(t *testing.T) { t.Error("##[error]i\n::error::j") })
	}
}

func TestLogs(t *testing.T) {
	if err := os.WriteFile("/dev/kmsg", []byte("<0>::error::k ##[error]l\n"), 0); err != nil {
		t.Fatal(err)
	}
}
