package kconfig

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParseAcceptsSettingsOnly(t *testing.T) {
	lines, err := Parse("a.config", []byte("# a comment\n\nCONFIG_A=y\n# CONFIG_B is not set\n  CONFIG_C=\"x y\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Line{{"A", "y", "a.config:3"}, {"B", "n", "a.config:4"}, {"C", `"x y"`, "a.config:5"}}
	if !slices.Equal(lines, want) {
		t.Errorf("got %v, want %v", lines, want)
	}
	if got := lines[1].String(); got != "# CONFIG_B is not set" {
		t.Errorf("got %q", got)
	}
	for _, wrong := range []string{"CONFIG_A", "A=y", "CONFIG_A =y", "CONFIG_A="} {
		if _, err := Parse("b.config", []byte("\n"+wrong)); err == nil || !strings.Contains(err.Error(), "b.config:2") {
			t.Errorf("%q: got %v", wrong, err)
		}
	}
}

func TestMergeOverridesEarlierFragments(t *testing.T) {
	first := []Line{{"A", "y", "1"}, {"B", "m", "1"}}
	second := []Line{{"A", "n", "2"}, {"C", "y", "2"}}
	want := []Line{{"A", "n", "2"}, {"B", "m", "1"}, {"C", "y", "2"}}
	if got := Merge(first, second); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// tree holds Kconfig files in the style of the kernel's.
var tree = map[string]string{
	"Kconfig": `mainmenu "Test"
source "arch/$(SRCARCH)/Kconfig"
source "$(nowhere)/Kconfig"
config NET
	bool "Networking"
	help
	  A help text.

	  config NOT_A_SYMBOL
	  if NOR_A_CONDITION
if NET # only then
source "net/Kconfig"
endif
menu "Debugging"
	depends on DEBUG || \
		   EXPERT
config LISTS
	bool "Lists"
endmenu
config CHOSEN
	bool
config CHOOSER
	bool "Chooser"
	select CHOSEN if NET
config ALWAYS
	def_bool y
`,
	"arch/x86/Kconfig": "config X86\n\tdef_bool y\n",
	"net/Kconfig": `config FILTER
	tristate "Filter"
	depends on BRIDGE!=n && !BROKEN
	depends on $(cc-option,-fgood)
menuconfig BRIDGE
	tristate "Bridge"
`,
}

func writeTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range tree {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestCheckReportsLostLinesWithReasons(t *testing.T) {
	dir := writeTree(t)
	for _, test := range []struct {
		line   Line
		values Values
		why    string
	}{
		{Line{"BRIDGE", "m", "f:1"}, Values{}, "f:1: CONFIG_BRIDGE=m: it is n; it depends on NET (now NET=n)"},
		{
			Line{"FILTER", "m", "f:2"},
			Values{"NET": "y"},
			"it depends on BRIDGE!=n && !BROKEN (now BRIDGE=n, BROKEN=n), and it depends on $(cc-option,-fgood)",
		},
		{Line{"LISTS", "y", "f:3"}, Values{}, "it depends on DEBUG || EXPERT (now DEBUG=n, EXPERT=n)"},
		{Line{"CHOSEN", "n", "f:4"}, Values{"CHOSEN": "y", "CHOOSER": "y", "NET": "y"}, "# CONFIG_CHOSEN is not set: it is y; selected by CHOOSER if NET"},
		{Line{"ALWAYS", "n", "f:5"}, Values{"ALWAYS": "y"}, "its default is y"},
		{Line{"NOT_A_SYMBOL", "y", "f:6"}, Values{}, "this kernel has no symbol of that name"},
		{Line{"NET", "m", "f:7"}, Values{}, "all its dependencies are met"},
	} {
		err := Check([]Line{{"X86", "y", "f:0"}, test.line}, merge(test.values, Values{"X86": "y"}), dir, "x86")
		var lost *LostError
		if !errors.As(err, &lost) || len(lost.Lines) != 1 || !strings.Contains(err.Error(), test.why) {
			t.Errorf("%s: got %v, want an error that contains %q", test.line, err, test.why)
		}
	}
	if err := Check([]Line{{"X86", "y", ""}, {"NET", "n", ""}}, Values{"X86": "y"}, dir, "x86"); err != nil {
		t.Errorf("lines that took effect: %v", err)
	}
}

func merge(a, b Values) Values {
	all := Values{}
	for _, values := range []Values{a, b} {
		maps.Copy(all, values)
	}
	return all
}

func TestEvaluate(t *testing.T) {
	values := Values{"Y": "y", "M": "m", "S": `"text"`, "N5": "5"}
	for condition, want := range map[string]int{
		"Y":                       yes,
		"M":                       module,
		"N":                       no,
		"!M":                      module,
		"!N && (M || Y)":          yes,
		"Y && M":                  module,
		"Y && !Y || N":            no,
		"M=m":                     yes,
		"M != n":                  yes,
		`S = "text"`:              yes,
		"N5=6":                    no,
		"(Y && (N || M)) && !(N)": module,
	} {
		if got, certain := evaluate(condition, values); got != want || !certain {
			t.Errorf("%s: got %d, certain %t, want %d", condition, got, certain, want)
		}
	}
	for _, condition := range []string{"$(cc-option,-x)", "Y && GCC_VERSION >= 120000"} {
		if _, certain := evaluate(condition, values); certain {
			t.Errorf("%s: got a certain value, but only make can know", condition)
		}
	}
}

func TestReadTreeRejectsFileThatSourcesItself(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Kconfig"), []byte("source \"Kconfig\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadTree(dir, "x86"); err == nil || !strings.Contains(err.Error(), "sources itself") {
		t.Errorf("got %v", err)
	}
}
