package doctor

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/images"
)

// kernel checks that the kernel is in the cache, or can be fetched. It returns the kernel if it can
// be used at once, and else nil.
func (h Host) kernel(ctx context.Context) (Finding, *images.Kernel) {
	const check = "kernel"
	if strings.Contains(h.Kernel, "/") {
		return h.resolve(ctx, check, h.Kernel)
	}
	all, err := images.List(ctx, images.Options{Dir: h.Dir})
	if err != nil {
		return Finding{check, Broken, err.Error(), "correct that file"}, nil
	}
	name, goarch := images.SplitName(h.Kernel)
	if i := slices.IndexFunc(all, func(s images.Status) bool { return s.Row.Default }); name == "" && i >= 0 {
		base, _ := images.SplitName(all[i].Row.Name)
		h.Kernel = images.WithArch(base, goarch)
	}
	i := slices.IndexFunc(all, func(s images.Status) bool { return s.Row.Name == h.Kernel })
	if i < 0 {
		return Finding{check, Broken, fmt.Sprintf("there is no kernel %q", h.Kernel), "correct KMODTEST_KERNEL; kmodtest kernel list shows the names"}, nil
	}
	status := all[i]
	if status.State == images.Ready {
		return h.resolve(ctx, check, status.Row.Name)
	}
	if status.Row.Source != nil {
		return Finding{
			check, Warning, status.Row.Name + " is not in the cache, and building it takes longer than the timeout of go test",
			"kmodtest kernel build " + status.Row.Name,
		}, nil
	}
	var programs []string
	if status.Row.Apt != nil {
		programs = []string{"apt-get", "dpkg-deb"}
	}
	for _, name := range append(programs, "depmod") {
		if f := h.program(check, name); f.State != OK {
			f.Found += fmt.Sprintf(", and kernel %s is not in the cache", status.Row.Name)
			return f, nil
		}
	}
	if keys, _ := filepath.Glob("/usr/share/keyrings/debian-archive-keyring.[gp]*"); len(keys) == 0 && status.Row.Apt != nil && status.Row.Apt.Mirror == "" {
		return Finding{check, Broken, "there is no debian-archive-keyring, which verifies kernel " + status.Row.Name, h.install("debian-archive-keyring")}, nil
	}
	return Finding{check, OK, status.Row.Name + " is not in the cache; the first run fetches it", ""}, nil
}

// resolve returns a kernel that needs no network.
func (h Host) resolve(ctx context.Context, check, name string) (Finding, *images.Kernel) {
	kernel, err := images.Resolve(ctx, name, images.Options{Dir: h.Dir, Progress: io.Discard})
	if err != nil {
		remedy := "correct KMODTEST_KERNEL"
		if !strings.Contains(name, "/") {
			remedy = "kmodtest kernel remove " + name
		}
		return Finding{check, Broken, err.Error(), remedy}, nil
	}
	found := fmt.Sprintf("%s is Linux %s", name, kernel.Release)
	if _, err := os.Stat(kernel.Build); kernel.Build == "" || err != nil {
		return Finding{check, Warning, found + ", without a directory to build modules", "install its headers"}, kernel
	}
	return Finding{check, OK, found, ""}, kernel
}
