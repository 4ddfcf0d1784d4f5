package harness_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// seeded is a package with a test that passes and one that fails with a random number.
const seeded = `package seeded

import (
	"flag"
	"math/rand"
	"testing"
)

var seed = flag.Int("own.seed", 0, "")

func TestPasses(*testing.T) {}

func TestFails(t *testing.T) {
	if *seed == 0 {
		*seed = 1 + rand.Intn(1e9)
	}
	t.Fatalf("again with -own.seed=%d", *seed)
}
`

func TestReplayRepeatsFailedTestWithItsSeed(t *testing.T) {
	t.Parallel()
	program, err := kmodtest()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "sub")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"../go.mod": "module example.com/seeded\n\ngo 1.26\n", "seeded_test.go": seeded} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	start := func(dir string, args ...string) (string, int) {
		c := newCommand(t, nil, program, args...)
		c.Dir = dir
		status := c.status(t)
		return c.stdout.String() + c.stderr.String(), status
	}
	if out, status := start(dir, "replay"); status == 0 || !strings.Contains(out, "no failed run of this module is known") {
		t.Errorf("status %d without a failure\n%s", status, out)
	}
	out, status := start(dir, "test", "--host=none", "-v", "-short", ".")
	flag := regexp.MustCompile(`-own\.seed=\d+`).FindString(out)
	if status != 1 || flag == "" {
		t.Fatalf("status %d\n%s", status, out)
	}
	out, status = start(filepath.Dir(dir), "replay")
	for _, want := range []string{"'-run=^TestFails$'", "-short=true", "--host=none", "again with " + flag + "\n", "--- FAIL: TestFails"} {
		if !strings.Contains(out, want) {
			t.Errorf("the repetition lacks %q\n%s", want, out)
		}
	}
	if status != 1 || strings.Contains(out, "TestPasses") {
		t.Errorf("status %d, want 1 and one test\n%s", status, out)
	}
}
