package harness_test

import (
	"os"
	"strings"
	"testing"
)

// Modules whose builds and loading need more than a directory join on old and new
// kernels. Without what they need, they do not.
func TestModulesJoin(t *testing.T) {
	t.Parallel()
	for _, kernel := range []string{"5.10", "6.1", "6.12"} {
		t.Run(kernel, func(t *testing.T) {
			t.Parallel()
			run := newCommand(t, []string{"KMODTEST_KERNEL=" + kernel}, binary(t, "joins"), "-test.v", "-test.timeout=8m")
			status, out := run.status(t), run.stdout.String()
			if n := strings.Count(out, "\n--- PASS: "); status != 0 || n != 9 {
				t.Errorf("exit status %d and %d passed tests, want 0 and 9\n%s%s", status, n, out, &run.stderr)
			}
		})
	}
}

// Modules of testdata/joins do not build without what harness.Build gives them.
func TestModulesNeedTheirBuild(t *testing.T) {
	t.Parallel()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"above/mods/one": `Root: ".*/src/above"`,
		"generated":      `made\.h: No such file`,
		"variable":       `CONFIG_JOINS`,
		"script":         `neither a Kbuild nor a Makefile`,
	} {
		t.Run(name, func(t *testing.T) {
			r := red{module: dir + "/testdata/joins/src/" + name, stage: "build", status: 1, want: []string{want}}
			if name == "script" {
				r.stage, r.status = "", 69
			}
			r.check(t)
		})
	}
}
