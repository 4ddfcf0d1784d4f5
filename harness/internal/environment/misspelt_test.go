package environment

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

func TestMisspeltVariableIsNoticed(t *testing.T) {
	for name, want := range map[string]string{
		"KMODTEST_KERNAL": "KMODTEST_KERNEL", "KMODTEST_ACEL": "KMODTEST_ACCEL", "KMODTEST_FERSH": "KMODTEST_FRESH",
		"KMODTEST_SNAPSHOTS": "KMODTEST_SNAPSHOT", "KMODTEST_KERNEL": "", "KMODTEST_KERNEL_LOG": "", "KMODTEST_SYSTEM": "",
		"KMODTEST_MY_OWN": "", "KMODTEST_KRENAL": "", "KERNAL": "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, "1")
			if got := Misspelt()[name]; got != want {
				t.Errorf("%s is taken for %q, want %q", name, got, want)
			}
		})
	}
}

func TestNamesAreThoseOfTheDocument(t *testing.T) {
	text, err := os.ReadFile("../../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `KMODTEST_([A-Z_]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		documented = append(documented, row[1])
	}
	slices.Sort(documented)
	if known := slices.Sorted(slices.Values(names)); !slices.Equal(slices.Compact(documented), known) {
		t.Errorf("documented are %q, known are %q", documented, known)
	}
}
