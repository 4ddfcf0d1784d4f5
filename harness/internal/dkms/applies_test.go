package dkms

import (
	"errors"
	"strings"
	"testing"
)

func TestReadAppliesToKernel(t *testing.T) {
	const config = "CONFIG_ONE=y\nCONFIG_TWO=m\n# CONFIG_THREE is not set\nCONFIG_FOUR=\"text\"\n"
	for name, test := range map[string]struct {
		text   string // line 4 of the file
		reason string // "" if the package is for the kernel
	}{
		"no directive":      {"", ""},
		"release":           {`BUILD_EXCLUSIVE_KERNEL="^(5\.1[0-9]|6)\."`, ""},
		"other release":     {`BUILD_EXCLUSIVE_KERNEL='^5\.'`, `BUILD_EXCLUSIVE_KERNEL is "^5\\.", but the kernel's release is 6.1.0-50-cloud-amd64`},
		"minimum":           {"BUILD_EXCLUSIVE_KERNEL_MIN=6.1", ""},
		"newer minimum":     {"BUILD_EXCLUSIVE_KERNEL_MIN=6.10", "the kernel is 6.1.0-50-cloud-amd64"},
		"maximum":           {"BUILD_EXCLUSIVE_KERNEL_MAX=6.1", ""},
		"older maximum":     {"BUILD_EXCLUSIVE_KERNEL_MAX=5.19.8", "the kernel is 6.1.0-50-cloud-amd64"},
		"machine":           {"BUILD_EXCLUSIVE_ARCH='x86.*'", ""},
		"other machine":     {"BUILD_EXCLUSIVE_ARCH=aarch64", "the machine is x86_64"},
		"options":           {`BUILD_EXCLUSIVE_CONFIG="CONFIG_ONE CONFIG_TWO !CONFIG_THREE"`, ""},
		"missing option":    {`BUILD_EXCLUSIVE_CONFIG="CONFIG_ONE CONFIG_THREE"`, "in the kernel's configuration CONFIG_THREE is off"},
		"unwanted option":   {`BUILD_EXCLUSIVE_CONFIG="!CONFIG_TWO"`, "in the kernel's configuration CONFIG_TWO is on"},
		"value":             {"BUILD_EXCLUSIVE_CONFIG=CONFIG_FOUR", "CONFIG_FOUR is off"},
		"obsolete":          {"OBSOLETE_BY=6.1.0", "which has the module itself"},
		"not obsolete":      {"OBSOLETE_BY=6.2.0", ""},
		"what it printed":   {"echo no bus here >&2; BUILD_EXCLUSIVE_ARCH=none", "it printed: no bus here"},
		"in a condition":    {"[ -n \"$kernelver\" ] && BUILD_EXCLUSIVE_ARCH=none", "the machine is x86_64"},
		"taken back":        {"BUILD_EXCLUSIVE_ARCH=none; unset BUILD_EXCLUSIVE_ARCH", ""},
		"empty":             {"BUILD_EXCLUSIVE_KERNEL=", ""},
		"set to match none": {`BUILD_EXCLUSIVE_KERNEL="REQUIRES CONFIG_X"`, `BUILD_EXCLUSIVE_KERNEL is "REQUIRES CONFIG_X"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(t, head+"BUILT_MODULE_NAME=tiny\n"+test.text+"\n", config)
			var not *NotApplicableError
			switch {
			case test.reason == "" && err != nil:
				t.Errorf("got %v, want no error", err)
			case test.reason == "":
			case !errors.As(err, &not):
				t.Errorf("got %v, want a *NotApplicableError", err)
			case not.Line != 4 || !strings.Contains(not.Reason, test.reason):
				t.Errorf("got line %d: %s\nwant line 4: %s", not.Line, not.Reason, test.reason)
			}
		})
	}
}
