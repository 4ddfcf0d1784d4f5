// Package docs tests that the documentation agrees with the tree.
package docs

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"
)

// rows returns the cells of the table in architecture.md that is below a heading.
func rows(t *testing.T, heading string) [][]string {
	t.Helper()
	text, err := os.ReadFile("architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("architecture.md has no section %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var all [][]string
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "| ") {
			all = append(all, strings.Split(strings.Trim(line, "| \n"), " | "))
		}
	}
	if len(all) < 2 {
		t.Fatalf("section %q has no table", heading)
	}
	return all[1:]
}

var tableLink = regexp.MustCompile(`^\[[^]]*\]\(([^)]*)\)$`)

func TestBehavioursAreWhereTheTableSays(t *testing.T) {
	table := rows(t, "Where is …")
	if len(table) < 20 {
		t.Errorf("the table has %d behaviours, want at least 20", len(table))
	}
	for _, cells := range table {
		file := tableLink.FindStringSubmatch(cells[1])
		if file == nil {
			t.Errorf("%s: %s is not a link", cells[0], cells[1])
			continue
		}
		source, err := os.ReadFile(file[1])
		if err != nil {
			t.Errorf("%s: %v", cells[0], err)
			continue
		}
		if name := strings.Trim(cells[2], "`"); !bytes.Contains(source, []byte(name)) {
			t.Errorf("%s: %s does not contain %q", cells[0], file[1], name)
		}
	}
}

func TestPackagesAreDocumented(t *testing.T) {
	table := rows(t, "Packages")
	for _, cells := range table {
		for name := range strings.SplitSeq(cells[0], ", ") {
			dir := "../" + strings.Trim(name, "`")
			if info, err := os.Stat(dir); err != nil || !info.IsDir() {
				t.Errorf("there is no package %s", name)
			}
		}
	}
	entries, err := os.ReadDir("../harness/internal")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := "`harness/internal/" + e.Name() + "`"
		found := false
		for _, cells := range table {
			found = found || cells[0] == name
		}
		if !found {
			t.Errorf("the table of packages lacks %s", name)
		}
	}
}

func TestTermsFitIntoAHead(t *testing.T) {
	if terms := rows(t, "Terms"); len(terms) > 20 {
		t.Errorf("%d terms, want at most 20", len(terms))
	}
}
