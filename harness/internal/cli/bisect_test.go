package cli

import (
	"os"
	"strings"
	"testing"
)

// TestPatternStandsForKernelsInOrderOfTable: the dates of an archive are in the order of the search.
func TestPatternStandsForKernelsInOrderOfTable(t *testing.T) {
	emptyCache(t)
	table := "[[kernel]]\nname = 'dated'\nsnapshots = ['20260915', '20260908', '20261001']\n[kernel.rpm]\n" +
		"baseurl = ['http://localhost:1/DATE']\ngpgkey = 'key'\n"
	if err := os.WriteFile("kernels.toml", []byte(table), 0o644); err != nil {
		t.Fatal(err)
	}
	kernels, err := kernelsInOrder([]string{"6.12", "dated-*", "5.10"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, kernel := range kernels {
		names = append(names, kernel.Name)
	}
	if got := strings.Join(names, " "); got != "6.12 dated-20260915 dated-20260908 dated-20261001 5.10" {
		t.Errorf("got %s", got)
	}
	if _, err := kernelsInOrder([]string{"6.1", "nothing-*"}); err == nil {
		t.Error("a pattern for no kernel: no error")
	}
}
