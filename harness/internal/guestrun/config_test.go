package guestrun

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodtest/kmodtest/harness/internal/gobuild"
	"github.com/kmodtest/kmodtest/harness/internal/request"
)

// write writes files below a new directory, and returns it.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestNearestFileIsForPackage(t *testing.T) {
	dir := write(t, map[string]string{
		"kmodtest.toml": "[test]\nmemory = 1", "go.mod": "module m", "a/kmodtest.toml": "[test]\nmemory = 2",
		"a/b/x.go": "", "c/x.go": "", "other/go.mod": "module other", "other/d/x.go": "",
	})
	for pkg, want := range map[string]string{"a/b": "a/kmodtest.toml", "a": "a/kmodtest.toml", "c": "kmodtest.toml", "other/d": ""} {
		if want != "" {
			want = filepath.Join(dir, want)
		}
		if got := FindFile(filepath.Join(dir, pkg)); got != want {
			t.Errorf("%s: %q, want %q", pkg, got, want)
		}
	}
}

func TestTableIsFound(t *testing.T) {
	dir := write(t, map[string]string{
		"go.mod": "module m", "kmodtest.toml": "[matrix]\n", "a/kmodtest.toml": "[test]\n", "b/kmodtest.toml": "[test\n", "c/x.go": "",
	})
	for pkg, want := range map[string]bool{"a": true, "b": true, "c": false, ".": false} {
		if got := HasTable(filepath.Join(dir, pkg)); got != want {
			t.Errorf("%s: %t, want %t", pkg, got, want)
		}
	}
}

func TestFlagsAddToFile(t *testing.T) {
	dir := write(t, map[string]string{
		"go.mod": "module m", "kmod/Kbuild": "", "own/Kbuild": "",
		"kmodtest.toml": "[test]\nmodules = ['kmod']\nfiles = ['modprobe', './data']\nkernel = '6.1'\ncpus = 4\nfresh = true\n" +
			"[[test.builds]]\nroot = 'driver'\ndirs = ['src']\nmake = ['CONFIG_GADGET=m']\nprepare = './configure'\nload = ['gadget size=64']\n",
	})
	got, err := Config(filepath.Join(dir, "kmod"), dir, Table{Modules: []string{"own"}, Kernel: "6.12", Env: []string{"A_TOKEN"}})
	want := request.Config{
		Modules: []string{filepath.Join(dir, "kmod"), filepath.Join(dir, "own")}, Files: []string{"modprobe", filepath.Join(dir, "data")},
		Programs: []string{}, Env: []string{"A_TOKEN"}, Kernel: "6.12", CPUs: 4, Fresh: true,
		Builds: []request.Build{{
			Root: filepath.Join(dir, "driver"), Dirs: []string{"src"}, Make: []string{"CONFIG_GADGET=m"}, Prepare: "./configure", Load: []string{"gadget size=64"},
		}},
	}
	for _, list := range []*[]string{&got.Programs, &got.KernelModules, &got.OptionalModules, &got.Allow} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	want.Programs = nil
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestFaultyFileIsNamedWithLine(t *testing.T) {
	for text, want := range map[string]string{
		"[test]\ncpus = 2\nmodule = ['a']\n":       "kmodtest.toml:3: there is no key test.module; the keys of [test] are modules, builds, kernel_modules",
		"[tests]\n":                                "kmodtest.toml:1: there is no tests at the top; the tables are [test] and [matrix]",
		"[tset]\nmodules = ['a']\n":                "there is no tset at the top; the tables are",
		"cpus = 2\n":                               "there is no cpus at the top; the tables are",
		"[test.coverage]\ndirs = 'a'\n":            "kmodtest.toml:2: there is no key test.coverage.dirs; the keys of [test.coverage] are ",
		"[[test.builds]]\ntarget = 'a'\n":          "kmodtest.toml:2: there is no key test.builds.target; the keys of [test.builds] are ",
		"[test]\n\ncpus = 'two'\n":                 "kmodtest.toml:3: test.cpus: got string, want integer",
		"[test]\ncpus = \n":                        "kmodtest.toml:2: ",
		"[test]\ncpus = -1\n":                      "none may be negative",
		"[test]\nmodules = ['there/is/no/such']\n": "there/is/no/such does not exist",
	} {
		dir := write(t, map[string]string{"kmodtest.toml": text})
		if _, err := Config(dir, dir, Table{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestTestFlagsAreSplit(t *testing.T) {
	flags, rest, values := splitTestFlags([]string{"-test.v", "-test.run=A/b", "-test.count", "3", "-own", "value", "-test.short"})
	want := []request.Flag{{Name: "test.v", Value: "true"}, {Name: "test.run", Value: "A/b"}, {Name: "test.count", Value: "3"}}
	if diff := cmp.Diff(want, flags); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"-own", "value", "-test.short"}, rest); diff != "" {
		t.Error(diff)
	}
	if values["test.v"] != "true" || values["test.count"] != "3" || values["test.failfast"] != "false" {
		t.Errorf("%v", values)
	}
}

// The module of this test is this project's: the sources are found without the help of
// the user's module.
func TestSourceIsFound(t *testing.T) {
	dir, err := FindSource(t.Context())
	if err != nil || !gobuild.IsProject(dir) {
		t.Errorf("%q, %v", dir, err)
	}
	t.Setenv(SourceVariable, t.TempDir())
	if dir, err := FindSource(t.Context()); err == nil || !strings.Contains(err.Error(), SourceVariable) {
		t.Errorf("with a wrong %s: %q, %v", SourceVariable, dir, err)
	}
}
