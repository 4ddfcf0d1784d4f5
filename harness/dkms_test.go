package harness_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// dkmsPackage makes a package for DKMS: a module in a subdirectory that compiles only
// after a patch and after PRE_BUILD have changed it, and a module that is built but not
// named by the package, which could not be loaded. more are lines for its dkms.conf.
func dkmsPackage(t *testing.T, more string) string {
	t.Helper()
	dir := t.TempDir()
	const module = `#include <linux/module.h>
static int __init start(void) { return RESULT; }
static void __exit stop(void) { }
module_init(start);
module_exit(stop);
MODULE_LICENSE("GPL");
`
	for name, text := range map[string]string{
		"dkms.conf": `PACKAGE_NAME="parcel"
PACKAGE_VERSION="1.0"
MAKE[0]="make -C ${kernel_source_dir} M=${dkms_tree}/${PACKAGE_NAME}/${PACKAGE_VERSION}/build modules"
PRE_BUILD="configure.sh $kernelver"
PATCH[0]="result.patch"
BUILT_MODULE_NAME[0]="parcel"
BUILT_MODULE_LOCATION[0]="src"
DEST_MODULE_LOCATION[0]="/extra"
` + more,
		"Kbuild":               "obj-m := src/\n",
		"src/Kbuild":           "obj-m := parcel.o unnamed.o\nccflags-y := -include $(src)/release.h\n",
		"src/parcel.c":         strings.Replace(module, "#include", "#ifndef MADE_FOR\n#error not configured\n#endif\n#include", 1),
		"src/unnamed.c":        strings.Replace(module, "RESULT", "-ENODEV", 1),
		"configure.sh":         "#!/bin/sh\necho \"#define MADE_FOR \\\"$1\\\"\" >src/release.h\n",
		"patches/result.patch": "--- a/src/parcel.c\n+++ b/src/parcel.c\n@@ -5,1 +5,1 @@\n-static int __init start(void) { return RESULT; }\n+static int __init start(void) { return 0; }\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestPackageForDKMSNeedsNoConfiguration(t *testing.T) {
	t.Parallel()
	out := pass(t, "RED_MODULE="+dkmsPackage(t, ""))
	if want := "with parcel"; !strings.Contains(out, want) {
		t.Errorf("the output does not have %q:\n%s", want, out)
	}
}

func TestPackageForOtherKernelsFailsRun(t *testing.T) {
	red{module: dkmsPackage(t, "BUILD_EXCLUSIVE_CONFIG=\"CONFIG_NET CONFIG_PARCEL\"\n"), stage: "build", kind: "not applicable", status: 1, want: []string{
		`dkms\.conf:9: not for this kernel: BUILD_EXCLUSIVE_CONFIG is "CONFIG_NET CONFIG_PARCEL", but in the kernel's configuration CONFIG_PARCEL is off`,
	}}.check(t)
}

func TestPackageThatIsNotUnderstoodFailsRun(t *testing.T) {
	red{module: dkmsPackage(t, "mkdir made\n"), stage: "build", status: 1, want: []string{`dkms\.conf:9: runs "mkdir made"`}}.check(t)
}
