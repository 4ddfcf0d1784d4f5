// Package adopt tests modules that others have written, as packages for DKMS. TestLoads
// runs for each; the other files make some of them do their work.
package adopt

import (
	"os"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness"
)

// ADOPT_SOURCE is the directory of the package, and ADOPT_NAME the name of its work.
func TestMain(m *testing.M) {
	config := works[os.Getenv("ADOPT_NAME")]
	config.Modules = []string{os.Getenv("ADOPT_SOURCE")}
	harness.Main(m, config)
}

// works are the configurations that the tests of some packages need.
var works = map[string]harness.Config{}

func TestLoads(t *testing.T) {
	text, err := os.ReadFile("/proc/modules")
	if err != nil {
		t.Fatal(err)
	}
	var loaded []string
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "(OE)") || strings.Contains(line, "(O)") { // built outside of the kernel's tree
			loaded = append(loaded, strings.Fields(line)[0])
		}
	}
	if len(loaded) == 0 {
		t.Error("none of the package's modules is loaded")
	}
	t.Log("loaded: ", strings.Join(loaded, " "))
}
