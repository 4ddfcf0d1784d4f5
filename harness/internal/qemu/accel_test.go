package qemu

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDetectTrustsOnlyARealKVM(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	device := file("kvm", "")
	intel := file("intel", "processor\t: 0\nflags\t\t: fpu vme vmx ssse3\n")
	amd := file("amd", "flags\t\t: fpu svm\n")
	nested := file("nested", "flags\t\t: fpu vme hypervisor vmxish\n")

	for name, c := range map[string]struct {
		host host
		want Accel
		why  string
	}{
		"Intel":           {host{device, intel, "amd64"}, KVM, ""},
		"AMD":             {host{device, amd, "amd64"}, KVM, ""},
		"32-bit binary":   {host{device, intel, "386"}, KVM, ""},
		"nested software": {host{device, nested, "amd64"}, TCG, "neither vmx nor svm"},
		"no device":       {host{dir + "/none", intel, "amd64"}, TCG, "there is no"},
		"ARM":             {host{device, nested, "arm64"}, KVM, ""},
	} {
		got, why := c.host.detect()
		if got != c.want || !strings.Contains(why, c.why) || (why == "") != (got == KVM) {
			t.Errorf("%s: %v (%q), want %v (with %q)", name, got, why, c.want, c.why)
		}
	}
}
