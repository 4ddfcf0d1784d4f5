package hardware

import (
	"fmt"
	"slices"
)

// Features are the parts of the harness that need to know a processor, and whether the run asks for them.
type Features struct {
	Debugger, Images bool
}

// Check returns an error if the harness does not have one of the features for kernels of an architecture.
func (f Features) Check(goarch string) error {
	for _, feature := range []struct {
		asked bool
		name  string
		has   []string // architectures
	}{
		{f.Debugger, "KMODTEST_GDB", []string{"amd64"}},
		{f.Images, "KMODTEST_DUMP", []string{"amd64"}},
	} {
		if feature.asked && !slices.Contains(feature.has, goarch) {
			return fmt.Errorf("%s is not possible with a kernel for %s", feature.name, goarch)
		}
	}
	return nil
}
