package harness_test

import (
	"regexp"
	"testing"
)

// TestLeaksAreFound runs tests, each of which leaks another thing.
func TestLeaksAreFound(t *testing.T) {
	t.Parallel()
	c := newCommand(t, nil, binary(t, "leaky"), "-test.v")
	if status := c.status(t); status == 0 {
		t.Error("exit status 0, though tests leak")
	}
	out := c.stdout.String()
	for test, text := range map[string]string{
		"TestCache":     `cache leaky_items of module leaky: 3 objects, and 0 before the test`,
		"TestVmalloc":   `vmalloc at leaky_take\+0x[0-9a-f]+/0x[0-9a-f]+ \[leaky\]: 3 areas, and 0 before the test`,
		"TestKmalloc":   `memory of kmalloc-(?:1k|1024) from leaky_take\+0x[0-9a-f]+/0x[0-9a-f]+ \[leaky\]: 3 objects, and 0 before the test`,
		"TestReference": `module leaky: 3 references, and 0 before the test`,
		"TestNamespace": `network namespaces: \d+ objects, and \d+ before the test`,
	} {
		if !regexp.MustCompile(`(?s)=== RUN   ` + test + `\n    leaky_test.go:\d+: leak: [^=]*` + text + `\n[^=]*--- FAIL: ` + test + ` `).MatchString(out) {
			t.Errorf("%s does not fail with %s", test, text)
		}
	}
	for _, test := range []string{"TestNothing", "TestOwnNamespace", "TestReload"} {
		if !regexp.MustCompile(`--- PASS: ` + test + ` `).MatchString(out) {
			t.Errorf("%s does not pass", test)
		}
	}
	if t.Failed() {
		t.Log(out, c.stderr.String())
	}
}
