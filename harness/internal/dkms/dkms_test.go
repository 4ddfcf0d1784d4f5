package dkms

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// read reads a dkms.conf with that text for kernel 6.1, whose configuration has the
// given lines. In the result, the package's directory is /pkg and the kernel's is
// /kernel.
func read(t *testing.T, text, config string) (*Package, error) {
	t.Helper()
	dir, build := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, FileName), text)
	write(t, filepath.Join(build, ".config"), config)
	p, err := Read(t.Context(), dir, Kernel{Release: "6.1.0-50-cloud-amd64", Build: build, Arch: "x86_64", Copy: "/copy", Tree: "/kernel"})
	if p != nil {
		p.Make, p.Prepare = strings.ReplaceAll(p.Make, dir, "/pkg"), strings.ReplaceAll(p.Prepare, dir, "/pkg")
	}
	return p, err
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// head are the lines that every file needs.
const head = "PACKAGE_NAME=tiny\nPACKAGE_VERSION=1.2\n"

func TestReadCommands(t *testing.T) {
	const own = "make KERNELRELEASE=6.1.0-50-cloud-amd64"
	for name, test := range map[string]struct{ text, make, prepare string }{
		"default":            {"", own + " -C /kernel M=/copy", ""},
		"places":             {`MAKE[0]="make -C ${kernel_source_dir} M=${dkms_tree}/${PACKAGE_NAME}/${PACKAGE_VERSION}/build A=1"`, own + " -C /kernel M=/copy A=1", ""},
		"places in full":     {`MAKE="make -C /lib/modules/$kernelver/build M=/var/lib/dkms/tiny/1.2/build"`, own + " -C /kernel M=/copy", ""},
		"sources":            {`MAKE="make SRC=$source_tree/tiny-1.2 OLD=/usr/src/tiny-1.2"`, own + " SRC=/copy OLD=/copy", ""},
		"not make":           {`MAKE="(./build.sh $arch)"`, "(./build.sh x86_64)", ""},
		"two matches":        {"MAKE[0]='make old'\nMAKE[1]='make new'\nMAKE_MATCH[0]='^4'\nMAKE_MATCH[1]='^[56]'", own + " new", ""},
		"no match":           {"MAKE[0]='make old'\nMAKE_MATCH[0]='^4'", own + " -C /kernel M=/copy", ""},
		"match with default": {"MAKE[0]='make all'\nMAKE[1]='make new'\nMAKE_MATCH[1]='^4'", own + " all", ""},
		"uname":              {"MAKE=\"make K=`uname -r` M=$(uname -m) S=$(uname)\"", own + " K=6.1.0-50-cloud-amd64 M=x86_64 S=Linux", ""},
		"expansions":         {`V=${kernelver%%-*}; MAKE="make V=${V%.*} F=${kernelver##*-}"`, own + " V=6.1 F=amd64", ""},
		"loop":               {"for i in a b; do ARGS=\"$ARGS $i\"; done\nMAKE=\"make$ARGS\"", own + " a b", ""},
		"condition":          {"if [[ $kernelver =~ ^6\\. ]]; then MAKE='make six'; else MAKE='make other'; fi", own + " six", ""},
		"configuration":      {"if grep -q '^CONFIG_ONE=y' $kernel_source_dir/.config; then MAKE='make one'; fi", own + " one", ""},
		"sourced":            {". $kernel_source_dir/.config\nMAKE=\"make ONE=$CONFIG_ONE\"", own + " ONE=y", ""},
		"function":           {"pick() { echo \"make $1\"; }\nMAKE=$(pick it)", own + " it", ""},
		"directory":          {"pushd $(dirname $BASH_SOURCE)\nMAKE=\"make $(ls dkms.conf)\"\npopd", own + " dkms.conf", ""},
		"patches":            {"PATCH[0]=a.patch\nPATCH[1]=b.patch\nPATCH_MATCH[1]='^5'\nPATCH[2]=c.patch\nPATCH_MATCH[2]='^6'", own + " -C /kernel M=/copy", "patch -p1 < 'patches/a.patch' && patch -p1 < 'patches/c.patch'"},
		"bash":               {`MAKE="[[ -d x ]] && (make x) <<<y"`, `bash -c '[[ -d x ]] && (make x) <<<y'`, ""},
		"before the build":   {`PRE_BUILD="configure --kdir=$kernel_source_dir"`, own + " -C /kernel M=/copy", "./configure --kdir=/kernel"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := read(t, head+"BUILT_MODULE_NAME[0]=tiny\n"+test.text+"\n", "CONFIG_ONE=y\n")
			if err != nil {
				t.Fatal(err)
			}
			if p.Make != test.make || p.Prepare != test.prepare {
				t.Errorf("got %q after %q\nwant %q after %q", p.Make, p.Prepare, test.make, test.prepare)
			}
		})
	}
}

func TestReadModules(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []Module
	}{
		"the package's name": {"DEST_MODULE_LOCATION[0]=/extra", []Module{{"tiny.ko", "tiny"}}},
		"plain variable":     {"BUILT_MODULE_NAME=one", []Module{{"one.ko", "one"}}},
		"locations": {
			"BUILT_MODULE_NAME[0]=one\nBUILT_MODULE_LOCATION[0]=src/one/\nBUILT_MODULE_NAME[1]=two\nBUILT_MODULE_LOCATION[1]=src",
			[]Module{{"src/one/one.ko", "one"}, {"src/two.ko", "two"}},
		},
		"other name":   {"BUILT_MODULE_NAME[0]=one\nDEST_MODULE_NAME[0]=first", []Module{{"one.ko", "first"}}},
		"array":        {"BUILT_MODULE_NAME=(one two)", []Module{{"one.ko", "one"}, {"two.ko", "two"}}},
		"counted":      {"i=0\nfor m in one two; do BUILT_MODULE_NAME[$i]=$m; i=$((i+1)); done", []Module{{"one.ko", "one"}, {"two.ko", "two"}}},
		"gap":          {"BUILT_MODULE_NAME[3]=one", []Module{{"one.ko", "one"}}},
		"appended":     {"BUILT_MODULE_NAME+=(one)\nBUILT_MODULE_NAME+=(two)", []Module{{"one.ko", "one"}, {"two.ko", "two"}}},
		"end of lines": {"BUILT_MODULE_NAME[0]=\"one\" \\\n\n# a comment\nAUTOINSTALL=yes", []Module{{"one.ko", "one"}}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := read(t, head+test.text+"\n", "")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, p.Modules); diff != "" {
				t.Errorf("modules (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadRequires(t *testing.T) {
	p, err := read(t, head+"BUILT_MODULE_NAME=tiny\nBUILD_DEPENDS[0]=base\nBUILD_DEPENDS[1]=\"more most\"\n", "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"base", "more", "most"}, p.Requires); diff != "" {
		t.Errorf("required packages (-want +got):\n%s", diff)
	}
	if err := p.After([]string{"most", "more", "base"}); err != nil {
		t.Errorf("after all of them: %v", err)
	}
	err = p.After([]string{"base", "more"})
	if want := "dkms.conf:5: BUILD_DEPENDS names the package most"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("without one of them: got %v, want %q", err, want)
	}
}

func TestReadRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		line int
		want string
	}{
		"syntax":          {head + "if true; then\n", 3, "not understood"},
		"quote":           {head + "A=\"b\n", 3, "not understood"},
		"other program":   {head + "A=1\nB=$(mkdir /tmp/x)\n", 4, `runs "mkdir /tmp/x"`},
		"change by sed":   {head + "sed -i s/a/b/ dkms.conf\n", 3, "runs \"sed -i"},
		"change by find":  {head + "find . -delete\n", 3, "runs \"find . -delete\""},
		"writing":         {head + "echo x >made\n", 3, "writes to"},
		"exit":            {head + "echo no compiler >&2\nexit 3\n", 4, "ends with exit status 3: no compiler"},
		"no name":         {"PACKAGE_VERSION=1\nBUILT_MODULE_NAME=a\n", 0, "PACKAGE_NAME"},
		"no module":       {head, 0, "names no module"},
		"gap in names":    {head + "BUILT_MODULE_NAME[0]=a\nDEST_MODULE_LOCATION[1]=/extra\n", 0, "BUILT_MODULE_NAME[1] is not set"},
		"suffix":          {head + "BUILT_MODULE_NAME[0]=a.ko\n", 3, "must not have a suffix"},
		"outside":         {head + "BUILT_MODULE_NAME[0]=a\nBUILT_MODULE_LOCATION[0]=../b\n", 4, "not below the package's directory"},
		"absolute patch":  {head + "BUILT_MODULE_NAME[0]=a\nPATCH[0]=../../p\n", 4, "not a file below patches/"},
		"expression":      {head + "BUILT_MODULE_NAME[0]=a\nBUILD_EXCLUSIVE_KERNEL='('\n", 4, "BUILD_EXCLUSIVE_KERNEL"},
		"MAKE_MATCH":      {head + "BUILT_MODULE_NAME[0]=a\nMAKE=make\nMAKE_MATCH='*'\n", 5, "MAKE_MATCH[0]"},
		"in a function":   {head + "f() {\n  touch x\n}\nf\n", 4, "runs \"touch x\""},
		"in a subshell":   {head + "A=`touch x`\n", 3, "runs \"touch x\""},
		"by its own path": {head + "/bin/rm -rf x\n", 3, "runs \"/bin/rm -rf x\""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(t, test.text, "")
			var refused *Error
			if !errors.As(err, &refused) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if refused.Line != test.line || !strings.Contains(refused.Problem, test.want) {
				t.Errorf("got line %d: %s\nwant line %d: %s", refused.Line, refused.Problem, test.line, test.want)
			}
		})
	}
}

func TestReadChangesNothing(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, FileName), head+"BUILT_MODULE_NAME=a\necho x >made\n")
	if _, err := Read(t.Context(), dir, Kernel{Build: t.TempDir()}); err == nil {
		t.Error("a file that writes was read without an error")
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 1 {
		t.Errorf("the directory has %v, want dkms.conf alone", files)
	}
}
