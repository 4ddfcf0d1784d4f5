package qemu

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Another kernel or QEMU may work, and after a day so may this one.
func TestFailureOfKVMIsForgotten(t *testing.T) {
	file := func(name string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(name), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	dir, config := t.TempDir(), Config{Binary: file("qemu"), Kernel: file("kernel")}
	if err := RememberFailure(dir, config, strings.Repeat("long ", 1000)); err != nil {
		t.Fatal(err)
	}
	if why := kvmFailure(dir, config); len(why) != failureLimit {
		t.Errorf("%d bytes are remembered, want %d", len(why), failureLimit)
	}
	for name, change := range map[string]func(c *Config){
		"kernel": func(c *Config) { c.Kernel = config.Binary },
		"QEMU":   func(c *Config) { c.Binary = file("qemu") },
	} {
		other := config
		change(&other)
		if why := kvmFailure(dir, other); why != "" {
			t.Errorf("another %s: remembered is %q", name, why)
		}
	}
	path, err := failureFile(dir, config)
	if err != nil {
		t.Fatal(err)
	}
	expired := time.Now().Add(-failuresKept - time.Minute)
	if err := os.Chtimes(path, expired, expired); err != nil {
		t.Fatal(err)
	}
	if why := kvmFailure(dir, config); why != "" {
		t.Errorf("after a day, remembered is %q", why)
	}
	other := config
	other.Kernel = config.Binary
	if err := RememberFailure(dir, other, "why"); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(failureDir(dir), "*")); err != nil || slices.Contains(left, path) {
		t.Errorf("left are %q, %v; want no expired one", left, err)
	}
}
