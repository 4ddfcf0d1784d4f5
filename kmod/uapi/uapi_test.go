// SPDX-License-Identifier: BSD-3-Clause

package uapi

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// declared returns the constants and structures of a Go source by name, as text
// that is equal if and only if they are equal.
func declared(src string) (map[string]string, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", src, 0)
	if err != nil {
		return nil, fmt.Errorf("parse source: %w", err)
	}
	// Only functions need the imports; constants and structures do not.
	file.Decls = slices.DeleteFunc(file.Decls, func(d ast.Decl) bool {
		gen, ok := d.(*ast.GenDecl)
		return !ok || gen.Tok == token.IMPORT
	})
	pkg, err := new(types.Config).Check("uapi", fset, []*ast.File{file}, nil)
	if err != nil {
		return nil, fmt.Errorf("check source: %w", err)
	}
	all := make(map[string]string)
	for _, name := range pkg.Scope().Names() {
		switch o := pkg.Scope().Lookup(name).(type) {
		case *types.Const:
			all[name] = o.Val().ExactString()
		case *types.TypeName:
			all[name] = o.Type().Underlying().String()
		}
	}
	return all, nil
}

// differences returns the differences between the declarations of a C header and
// a Go source.
func differences(header, src string) (string, error) {
	translated, err := translate(header)
	if err != nil {
		return "", err
	}
	inHeader, err := declared(translated)
	if err != nil {
		return "", err
	}
	inGo, err := declared(src)
	if err != nil {
		return "", err
	}
	return cmp.Diff(inHeader, inGo), nil
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestGoMatchesHeader(t *testing.T) {
	diff, err := differences(readFile(t, "socketopt.h"), readFile(t, "uapi.go"))
	if err != nil {
		t.Fatal(err)
	}
	if diff != "" {
		t.Errorf("socketopt.h (-) and uapi.go (+) differ:\n%s", diff)
	}
}

// TestChangedHeaderIsReported checks that a change of only the header is reported.
func TestChangedHeaderIsReported(t *testing.T) {
	header, src := readFile(t, "socketopt.h"), readFile(t, "uapi.go")
	for name, change := range map[string][2]string{
		"constant changed":  {"(128 + 10000)", "(128 + 10001)"},
		"constant derived":  {"(SOCKET_OPS_BASE + 2)", "(SOCKET_OPS_LAST + 2)"},
		"constant added":    {"#define SOCKET_OPS_MSG_MAX", "#define SOCKET_OPS_MORE 1\n#define SOCKET_OPS_MSG_MAX"},
		"constant removed":  {"#define SOCKET_OPS_MSG_MAX\t64\n", ""},
		"constant renamed":  {"SOCKET_OPS_MSG_MAX\t64", "SOCKET_OPS_MSG_SIZE\t64"},
		"field added":       {"\t__u64 rejected;\n", "\t__u64 rejected;\n\t__u64 more;\n"},
		"field removed":     {"\t__u64 rejected;\n", ""},
		"field renamed":     {"__u64 rejected;", "__u64 refused;"},
		"field retyped":     {"__u64 rejected;", "__u32 rejected;"},
		"field signed":      {"__u64 rejected;", "__s64 rejected;"},
		"fields reordered":  {"\t__u64 sets;\n\t__u64 gets;\n", "\t__u64 gets;\n\t__u64 sets;\n"},
		"structure added":   {"struct socketopt_stats {", "struct socketopt_more {\n\t__u64 a;\n};\n\nstruct socketopt_stats {"},
		"structure renamed": {"struct socketopt_stats {", "struct socketopt_counts {"},
	} {
		changed := strings.Replace(header, change[0], change[1], 1)
		if changed == header {
			t.Errorf("%s: the header does not contain %q", name, change[0])
			continue
		}
		diff, err := differences(changed, src)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if diff == "" {
			t.Errorf("%s: no difference found", name)
		}
	}
}

// A construct that translate does not support is an error.
func TestUnknownHeaderIsRefused(t *testing.T) {
	header := readFile(t, "socketopt.h")
	for name, change := range map[string][2]string{
		"type without fixed width": {"__u64 rejected;", "long rejected;"},
		"array":                    {"__u64 rejected;", "__u64 rejected[2];"},
		"pointer":                  {"__u64 rejected;", "__u64 *rejected;"},
		"enumeration":              {"struct socketopt_stats {", "enum { SOCKET_OPS_MORE };\nstruct socketopt_stats {"},
		"attribute":                {"\n};", "\n} __attribute__((packed));"},
		"other include":            {"<linux/types.h>", "<linux/socket.h>"},
		"no include guard":         {"#ifndef _UAPI_SOCKETOPT_H\n", ""},
	} {
		changed := strings.Replace(header, change[0], change[1], 1)
		if changed == header {
			t.Errorf("%s: the header does not contain %q", name, change[0])
			continue
		}
		if got, err := translate(changed); err == nil {
			t.Errorf("%s: translated to\n%s", name, got)
		}
	}
}

func TestParseStats(t *testing.T) {
	var b []byte
	for i := range uint64(5) {
		b = binary.NativeEndian.AppendUint64(b, 1<<40+i)
	}
	got, err := ParseStats(b)
	if err != nil {
		t.Fatal(err)
	}
	want := Stats{Sets: 1 << 40, Gets: 1<<40 + 1, SetBytes: 1<<40 + 2, GetBytes: 1<<40 + 3, Rejected: 1<<40 + 4}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
}

func TestParseStatsRejectsOtherLengths(t *testing.T) {
	for _, n := range []int{0, 1, 39, 41, 80} {
		if got, err := ParseStats(bytes.Repeat([]byte{1}, n)); err == nil {
			t.Errorf("%d bytes: got %+v, want an error", n, got)
		}
	}
}
