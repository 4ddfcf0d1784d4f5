package modules

import (
	"errors"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/verdict"
	"github.com/kmodtest/kmodtest/images"
)

func TestRuntimesForPCsAreRefusedElsewhere(t *testing.T) {
	covered := func(string) bool { return true }
	for _, test := range []struct {
		arch      string
		faultWalk bool
		covered   func(string) bool
		says      string
	}{
		{"amd64", true, covered, ""},
		{"s390x", false, nil, ""},
		{"arm64", true, nil, "Config.FaultWalk"},
		{"s390x", false, covered, "coverage"},
	} {
		b := Builder{Kernel: &images.Kernel{Name: "6.1@" + test.arch, Arch: test.arch}, Covered: test.covered}
		err := b.runtimesFit(test.faultWalk)
		var failed *verdict.Failure
		switch {
		case test.says == "" && err != nil:
			t.Errorf("%s: %v", test.arch, err)
		case test.says != "" && (!errors.As(err, &failed) || failed.Kind != verdict.NotForKernel || !strings.Contains(err.Error(), test.says)):
			t.Errorf("%s: got %v, want that it is not for this kernel, and %q", test.arch, err, test.says)
		}
	}
}
