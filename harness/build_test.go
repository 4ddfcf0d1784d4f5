package harness_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// buildable makes a directory with the sources of a module of testdata, and with a
// link to another directory that contains a header.
func buildable(t *testing.T) string {
	t.Helper()
	dir, shared := t.TempDir(), t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/modules/builds")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(shared, "builds.h"), []byte("#define BUILDS 0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(shared, filepath.Join(dir, "linked")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// W turns on additional compiler warnings. For the harness it is an environment
// variable; make requires it as an argument.
func TestBuildHeedsW(t *testing.T) {
	t.Parallel()
	dir := buildable(t)
	const warning = "[-Wunused-but-set-variable]"
	if out := pass(t, "RED_MODULE="+dir); strings.Contains(out, warning) {
		t.Errorf("without W the compiler warns:\n%s", out)
	}
	if out := pass(t, "RED_MODULE="+dir, "W=1"); !strings.Contains(out, warning) {
		t.Errorf("with W=1 the compiler does not warn of an unused variable:\n%s", out)
	}
}

// The targets of links are inputs of the build.
func TestBuildNoticesChangeBehindLink(t *testing.T) {
	t.Parallel()
	dir := buildable(t)
	pass(t, "RED_MODULE="+dir)
	if err := os.WriteFile(filepath.Join(dir, "linked", "builds.h"), []byte("#error changed\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	red{module: dir, stage: "build", status: 1, want: []string{`builds\.h:1:2: error: #error changed`}}.run(t)
}

func TestModuleUsesWhatOneBeforeExports(t *testing.T) {
	t.Parallel()
	for range 2 { // the second finds both in the cache
		pass(t, "RED_MODULE=exports,imports")
	}
	red{module: "imports", stage: "build", status: 1, want: []string{`exports_answer.* undefined`}}.run(t)
}

func TestMissingSymbolIsExplained(t *testing.T) {
	red{module: "imports", stage: "build", status: 1, want: []string{
		`Linux \S+ does not export exports_answer, nor does any other kernel in the cache`, `its directory must come first in harness\.Config\.Modules`,
	}}.check(t)
}

func TestBuildThatMakesNoModuleFailsRun(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Kbuild"), []byte("obj-y :=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	red{module: dir, stage: "build", status: 1, want: []string{
		`the build made no \.ko file: obj-m is empty; does its Kbuild or Makefile set obj-m\?`, `FAIL: module .* does not build against Linux \d`,
	}}.check(t)
}
