package harness_test

import (
	"flag"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// panics is how often TestPanicsAreFaults has the kernel panic.
var panics = flag.Int("panics", 4, "how often the kernel is to panic at a random moment")

// A panic is a fault of the kernel with its title, whenever it happens, though the
// clocks of the processors differ and the end of the log is on the console only.
func TestPanicsAreFaults(t *testing.T) {
	t.Parallel()
	run := newCommand(t, nil, binary(t, "panics"), "-test.count="+strconv.Itoa(*panics), "-test.timeout=3h")
	if status := run.status(t); status != 255 {
		t.Errorf("exit status %d, want 255", status)
	}
	out := run.stdout.String()
	title := regexp.MustCompile(`^    kernel fault \(panic\): Kernel panic - not syncing: sysrq triggered crash( in \w+)?\n`)
	fails := regexp.MustCompile(`(?m)^--- FAIL: TestPanics \([^)]*\)\n`).FindAllStringIndex(out, -1)
	if len(fails) != *panics {
		t.Errorf("%d tests failed, want %d", len(fails), *panics)
	}
	for _, at := range fails {
		if rest := out[at[1]:]; !title.MatchString(rest) {
			t.Errorf("a panic is reported as\n%s", rest[:min(len(rest), 2000)])
		}
	}
	for _, wrong := range []string{"guest down", "the machine ended during this test"} {
		if n := strings.Count(out+run.stderr.String(), wrong); n > 0 {
			t.Errorf("the output says %q %d times", wrong, n)
		}
	}
}
