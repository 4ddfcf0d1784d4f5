package docs

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"
)

var testLink = regexp.MustCompile(`\[((?:Test|Fuzz)\w+)\]\(([^)]*_test\.go)\)`)

// Each row of the tables in security.md that have a column of tests links to tests
// that exist.
func TestStatementsOnSecurityHaveTests(t *testing.T) {
	text, err := os.ReadFile("security.md")
	if err != nil {
		t.Fatal(err)
	}
	tested, found := false, 0
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "|") {
			tested = false
		}
		switch {
		case strings.HasSuffix(line, "| test |\n"):
			tested = true
		case tested && !strings.HasPrefix(line, "|---"):
			cells := strings.Split(strings.Trim(line, "| \n"), " | ")
			if !testLink.MatchString(cells[len(cells)-1]) {
				t.Errorf("there is no test for: %s", cells[0])
			}
		}
		for _, link := range testLink.FindAllStringSubmatch(line, -1) {
			found++
			if source, err := os.ReadFile(link[2]); err != nil {
				t.Error(err)
			} else if !bytes.Contains(source, []byte("\nfunc "+link[1]+"(")) {
				t.Errorf("%s does not contain %s", link[2], link[1])
			}
		}
	}
	if found < 60 {
		t.Errorf("security.md has %d links to tests, want at least 60", found)
	}
}
