//go:build adopt

package harness_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// adopted is a row of the table.
type adopted struct {
	name, kernel string
	dkms, result string // of dkms build, and of kmodtest
	work         string
}

func (a adopted) String() string {
	cells := []string{a.name, a.kernel, a.dkms, a.result, a.work}
	for i, cell := range cells {
		cells[i] = strings.NewReplacer("|", "\\|", "<", "\\<").Replace(cell)
	}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

// updateAdopted replaces the rows of a package in the document.
func updateAdopted(t *testing.T, rows []adopted) {
	t.Helper()
	for _, row := range rows {
		t.Logf("\n%s", row)
	}
	if *adoptDocument == "" || t.Failed() {
		return
	}
	const begin, end = "<!-- packages -->\n", "<!-- end of packages -->\n"
	text, err := os.ReadFile(*adoptDocument)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, begins := strings.Cut(string(text), begin)
	old, foot, ends := strings.Cut(rest, end)
	if !begins || !ends {
		t.Fatalf("%s has no place for the table", *adoptDocument)
	}
	text = []byte(head + begin + replaceRows(old, rows) + end + foot)
	if err := os.WriteFile(*adoptDocument, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// replaceRows returns a table with the rows of one package instead of those that it had
// for that package, in the order of their names.
func replaceRows(table string, rows []adopted) string {
	var lines []string
	for line := range strings.Lines(table) {
		if strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| package |") && !strings.HasPrefix(line, "| "+rows[0].name+" |") {
			lines = append(lines, line)
		}
	}
	for _, row := range rows {
		lines = append(lines, row.String())
	}
	slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(firstCell(a), firstCell(b)) })
	return fmt.Sprintf("| package | kernel | `dkms build` | kmodtest | work |\n|---|---|---|---|---|\n%s", strings.Join(lines, ""))
}

func firstCell(line string) string {
	cell, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " |")
	return cell
}
