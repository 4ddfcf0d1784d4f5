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
		{request.Config{Kernel: "6.1", Arch: other}, "", "", "6.1" + at, other},
		{request.Config{Arch: other}, "6.12", "", "6.12" + at, other},
		{request.Config{Arch: "s390x"}, "6.12" + at, "", "6.12" + at, other},
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
	for want, c := range map[string]struct {
		config         request.Config
		kernel, goarch string
	}{
		"KMODTEST_KERNEL is 6.1@arm64, and KMODTEST_ARCH is s390x": {request.Config{}, "6.1@arm64", "s390x"},
		"harness.Config: Kernel is 6.1@arm64, and Arch is riscv64": {request.Config{Kernel: "6.1@arm64", Arch: "riscv64"}, "", ""},
		`harness.Config: Arch: there is no architecture "aarch64"`: {request.Config{Arch: "aarch64"}, "", ""},
	} {
		if _, _, err := KernelName(c.config, c.kernel, c.goarch); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
