package contract

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// inputs returns the arguments of differences for this repository.
func inputs(t *testing.T) (contract, suite, more []row, tests []string) {
	t.Helper()
	read := func(file, heading string) []row {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text, err := section(string(b), heading)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		return rows(text)
	}
	const document = "../../docs/suite.md"
	tests, err := declared("..")
	if err != nil {
		t.Fatal(err)
	}
	return read("../../kmod/README.md", "Contract"), read(document, "Rows of the contract"), read(document, "Beyond its rows"), tests
}

func TestEveryRowHasTestsAndEveryTestARow(t *testing.T) {
	for _, difference := range differences(inputs(t)) {
		t.Error(difference)
	}
}

// Each kind of difference is reported.
func TestDifferencesAreReported(t *testing.T) {
	contract, suite, more, tests := inputs(t)
	first := suite[0].tests[0]
	for name, c := range map[string]struct {
		got  []string
		want string
	}{
		"row without tests":     {differences(append(contract, row{name: "new"}), suite, more, tests), `row "new" of kmod/README.md has no test`},
		"row of no contract":    {differences(contract[1:], suite, more, tests), "is not in kmod/README.md"},
		"row missing":           {differences(contract, suite[1:], more, tests), "has no test in docs/suite.md"},
		"row twice":             {differences(contract, append(suite[:1:1], suite...), more, tests), "docs/suite.md has row"},
		"promise twice":         {differences(append(contract[:1:1], contract...), suite, more, tests), "kmod/README.md has row"},
		"test without a row":    {differences(contract, suite, more, append(tests, "TestNew")), "no row of docs/suite.md names TestNew"},
		"test that was removed": {differences(contract, suite, more, without(tests, first)), "names " + first + ", which"},
		"other tests forgotten": {differences(contract, suite, nil, tests), "no row of docs/suite.md names"},
	} {
		if !strings.Contains(strings.Join(c.got, "\n"), c.want) {
			t.Errorf("%s: got %q, want it to contain %q", name, c.got, c.want)
		}
	}
}

func without(names []string, name string) []string {
	var out []string
	for _, n := range names {
		if n != name {
			out = append(out, n)
		}
	}
	return out
}

func TestRowsOfTables(t *testing.T) {
	text, err := section("# d\n\n## other\n| x | y |\n\n## this\n\ntext\n\n| a | b |\n|---|---|\n| one | `TestA` and `BenchmarkB` |\n"+
		"\n| c | d |\n|---|---|\n| two `x` | no test |\n\n## next\n| z | `TestZ` |\n", "this")
	if err != nil {
		t.Fatal(err)
	}
	want := []row{{"one", []string{"TestA", "BenchmarkB"}}, {"two `x`", nil}}
	if diff := cmp.Diff(want, rows(text), cmp.AllowUnexported(row{})); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if _, err := section("## other\n", "this"); err == nil {
		t.Error("section of a missing heading: got no error")
	}
}
