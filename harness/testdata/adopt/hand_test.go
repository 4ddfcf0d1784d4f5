package adopt

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestByHand loads the modules that DKMS has built as a user does, with insmod, and prints
// a line for each.
func TestByHand(t *testing.T) {
	dir := os.Getenv("ADOPT_BUILT")
	paths, err := filepath.Glob(filepath.Join(dir, "*.ko"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no modules in %s: %v", dir, err)
	}
	loaded := map[string]bool{}
	for _, path := range paths {
		insmod(t, path, loaded)
	}
}

// insmod loads a module after those that it depends on, unless it was tried before.
func insmod(t *testing.T, path string, tried map[string]bool) {
	t.Helper()
	name := moduleName(path)
	if tried[name] {
		return
	}
	tried[name] = true
	depends := strings.FieldsFunc(run(t, "modinfo", "-F", "depends", path), func(r rune) bool { return r == ',' || r == '\n' })
	for _, other := range depends {
		if sibling := siblingOf(path, other); sibling != "" {
			insmod(t, sibling, tried)
		} else {
			run(t, "modprobe", other)
		}
	}
	result := "loads"
	if out, err := exec.Command("insmod", path).CombinedOutput(); err != nil {
		result = reason.ReplaceAllString(strings.TrimSpace(string(out)), "")
	}
	fmt.Printf("insmod %s: %s\n", name, result)
}

// reason is what insmod prints before the text of the errno.
var reason = regexp.MustCompile(`^.*could not insert module .*: `)

func moduleName(path string) string {
	return strings.ReplaceAll(strings.TrimSuffix(filepath.Base(path), ".ko"), "-", "_")
}

// siblingOf returns the file of a module in the directory of another one, or "".
func siblingOf(path, name string) string {
	paths, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*.ko")) // the pattern was valid before
	for _, other := range paths {
		if moduleName(other) == strings.ReplaceAll(name, "-", "_") {
			return other
		}
	}
	return ""
}
