package modules

import (
	"errors"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
	"github.com/kmodtest/kmodtest/images"
)

// TestKernelWithoutBuildDirectoryIsForTestsWithoutModules: images of registries may have a kernel only.
func TestKernelWithoutBuildDirectoryIsForTestsWithoutModules(t *testing.T) {
	b := Builder{Cache: t.TempDir(), Kernel: &images.Kernel{Name: "ci", Arch: "amd64", Release: "6.8.0"}}
	if built, err := b.Build(t.Context(), request.Config{}); err != nil || len(built) > 0 {
		t.Errorf("without a module: %v, %v", built, err)
	}
	for name, config := range map[string]request.Config{
		"/src/kmod must be built": {Modules: []string{"/src/first.ko", "/src/kmod"}},
		"/src/lib must be built":  {Builds: []request.Build{{Root: "/src/lib"}}},
		"guest.FaultWalk must be": {FaultWalk: true, Modules: []string{"/src/first.ko"}},
	} {
		_, err := b.Build(t.Context(), config)
		var failed *verdict.Failure
		if !errors.As(err, &failed) || failed.Kind != verdict.HostBroke || !strings.Contains(failed.Title, name) ||
			!strings.Contains(failed.Title, "kernel ci (Linux 6.8.0) has no files to build modules with") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
