// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/images"
	"github.com/kmodtest/kmodtest/images/arch"
)

const examplePatch = `The author wrote > for >=,
and went home.

Breaks: a set of 65 bytes
is EINVAL.

Noticed by: TestOne,
TestTwo on kernel debug.

--- a/kmod/handlers.c
+++ b/kmod/handlers.c
@@ -1 +1 @@
-one
+two
`

func TestParsePatchReadsHeader(t *testing.T) {
	m, err := parsePatch(examplePatch)
	if err != nil {
		t.Fatal(err)
	}
	if want := "The author wrote > for >=, and went home."; m.why != want {
		t.Errorf("why: got %q, want %q", m.why, want)
	}
	if want := "a set of 65 bytes is EINVAL."; m.breaks != want {
		t.Errorf("breaks: got %q, want %q", m.breaks, want)
	}
	if want := []string{"TestOne", "TestTwo"}; !slices.Equal(m.tests, want) || m.kernel != "debug" {
		t.Errorf("noticed by: got %q on kernel %q, want %q on kernel debug", m.tests, m.kernel, want)
	}
}

// A mutant that only another architecture shows must survive on the host's. One of a kernel for the
// host's architecture may be killed elsewhere, too.
func TestMutantOfAnotherArchitectureHasSibling(t *testing.T) {
	other := "s390x"
	if arch.Host().Name == other {
		other = "amd64"
	}
	for kernel, want := range map[string]string{
		"": "", "debug": "", "6.1@" + arch.Host().Name: "", "6.1@" + other: "6.1", "debug@" + other: "debug",
	} {
		text := examplePatch
		if kernel != "" {
			text = strings.Replace(text, "kernel debug", "kernel "+kernel, 1)
		} else {
			text = strings.Replace(text, " on kernel debug", "", 1)
		}
		m, err := parsePatch(text)
		if err != nil {
			t.Fatal(err)
		}
		if m.kernel != kernel || m.sibling() != want {
			t.Errorf("kernel %q with sibling %q, want %q with %q", m.kernel, m.sibling(), kernel, want)
		}
	}
}

func TestPatchesNameKernels(t *testing.T) {
	mutants, err := readMutants(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants {
		for _, kernel := range []string{m.kernel, m.sibling()} {
			named := func(row images.Row) bool {
				same, err := images.MatchName(kernel, row.Name)
				return same && err == nil
			}
			if kernel != "" && !slices.ContainsFunc(images.Rows(), named) {
				t.Errorf("%s: needs kernel %s, which is not in the table", m.path, kernel)
			}
		}
	}
}

func TestParsePatchRefuses(t *testing.T) {
	const noticed = "Noticed by: TestOne.\n\n"
	_, diff, _ := strings.Cut(examplePatch, "on kernel debug.\n\n")
	for name, c := range map[string]struct{ text, want string }{
		"no diff":       {"The author.\n\nBreaks: all.\n\n" + noticed, "--- a/"},
		"no author":     {"Breaks: all.\n\n" + noticed + diff, "the author's mistake"},
		"no header":     {diff, "the author's mistake"},
		"no breaks":     {"The author.\n\n" + noticed + diff, "Breaks:"},
		"no test":       {"The author.\n\nBreaks: all.\n\nNoticed by: nobody.\n\n" + diff, "Noticed by:"},
		"both":          {"The author.\n\nEquivalent: to it.\n\n" + noticed + diff, "Equivalent:"},
		"another place": {"The author.\n\nBreaks: all.\n\n" + noticed + diff + "--- a/vmtest/x.go\n+++ b/vmtest/x.go\n", "vmtest/x.go"},
	} {
		if _, err := parsePatch(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, c.want)
		}
	}
}

func TestPatchesOfThisDirectoryApply(t *testing.T) {
	mutants, err := readMutants(".")
	if err != nil {
		t.Fatal(err)
	}
	root, err := moduleRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tree, err := copyTree(t.Context(), root, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants {
		m.path = root + "/vmtest/mutants/" + m.path
		if err := tree.apply(t.Context(), m); err != nil {
			t.Error(err)
			continue
		}
		if err := tree.revert(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPatchesNameTestsOfTheSuite(t *testing.T) {
	files, err := filepath.Glob("../*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var suite strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		suite.Write(text)
	}
	mutants, err := readMutants(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants {
		for _, test := range m.tests {
			if !strings.Contains(suite.String(), "\nfunc "+test+"(") {
				t.Errorf("%s: names %s, which the suite does not have", m.path, test)
			}
		}
	}
}

func TestChoose(t *testing.T) {
	var mutants []mutant
	for _, name := range []string{"get-long", "get-short", "no-owner", "set-long"} {
		mutants = append(mutants, mutant{name: name})
	}
	for _, c := range []struct{ ask, want []string }{
		{nil, []string{"get-long", "get-short", "no-owner", "set-long"}},
		{[]string{"no-owner"}, []string{"no-owner"}},
		{[]string{"set-long", "get-*", "get-long"}, []string{"get-long", "get-short", "set-long"}},
		{[]string{"vmtest/mutants/no-owner.patch"}, []string{"no-owner"}},
	} {
		chosen, err := choose(mutants, c.ask)
		var got []string
		for _, m := range chosen {
			got = append(got, m.name)
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("choose %q: got %q and error %v, want %q", c.ask, got, err, c.want)
		}
	}
	for _, ask := range []string{"owner", "put-*", "[", ""} {
		if chosen, err := choose(mutants, []string{"no-owner", ask}); err == nil {
			t.Errorf("choose %q: got %v, want an error", ask, chosen)
		}
	}
	if _, err := choose(nil, nil); err == nil {
		t.Error("choose among no mutants: want an error")
	}
}
