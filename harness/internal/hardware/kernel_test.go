package hardware

import (
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/images/arch"
)

func TestKernelName(t *testing.T) {
	here := arch.Host().Name
	other := "arm64"
	if here == other {
		other = "amd64"
	}
	at := "@" + other
	for _, c := range []struct {
		config         request.Config
		kernel, goarch string
		name, wanted   string
	}{
		{request.Config{}, "", "", "", ""},
		{request.Config{Kernel: "6.1"}, "", "", "6.1", ""},
		{request.Config{Kernel: "6.1"}, "6.12", "", "6.12", ""},
		{request.Config{}, "", other, at, other},
		{request.Config{Kernel: "6.1"}, "", other, "6.1" + at, other},
		{request.Config{Kernel: at}, "", "", at, other},
		{request.Config{Kernel: "6.1@s390x"}, "6.12" + at, "", "6.12" + at, other},
		{request.Config{Kernel: "6.1@s390x"}, "", other, "6.1" + at, other},
		{request.Config{Kernel: "6.1" + at}, "", here, "6.1", here},
		{request.Config{}, "6.1" + at, other, "6.1" + at, other},
		{request.Config{}, "/linux", other, "/linux", other},
	} {
		name, wanted, err := KernelName(c.config, c.kernel, c.goarch)
		if name != c.name || wanted != c.wanted || err != nil {
			t.Errorf("%+v, %q, %q: got %q for %q, %v; want %q for %q", c.config, c.kernel, c.goarch, name, wanted, err, c.name, c.wanted)
		}
	}
}

func TestArchitecturesMustAgree(t *testing.T) {
	const want = "KMODTEST_KERNEL is 6.1@arm64, and KMODTEST_ARCH is s390x"
	if _, _, err := KernelName(request.Config{}, "6.1@arm64", "s390x"); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestFeaturesOfOneArchitectureAreRefusedOnOthers(t *testing.T) {
	all := Features{Debugger: true, Images: true}
	if err := all.Check("amd64"); err != nil {
		t.Error(err)
	}
	if err := (Features{}).Check("s390x"); err != nil {
		t.Error(err)
	}
	for want, f := range map[string]Features{
		"KMODTEST_GDB": {Debugger: true}, "KMODTEST_DUMP": {Images: true},
	} {
		if err := f.Check("s390x"); err == nil || !strings.HasPrefix(err.Error(), want+" is not possible with a kernel for s390x") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
