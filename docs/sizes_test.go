package docs

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Limits of what a reader has to keep in mind.
const (
	maxLines   = 2000 // of a package of the harness, without tests
	maxMethods = 15   // of a type
	maxFields  = 20   // of a struct
)

// settings is a struct with one field more: users read its fields one at a time.
const settings = "../harness/config.go:Config"

// sources calls visit for each Go file of harness and images that is no test.
func sources(t *testing.T, visit func(path string, text []byte)) {
	t.Helper()
	for _, root := range []string{"../harness", "../images"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && d.Name() == "testdata":
				return fs.SkipDir
			case d.IsDir(), !strings.HasSuffix(path, ".go"), strings.HasSuffix(path, "_test.go"):
				return nil
			}
			text, err := os.ReadFile(path)
			if err == nil {
				visit(path, text)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestPackagesAreSmall(t *testing.T) {
	lines := map[string]int{}
	sources(t, func(path string, text []byte) {
		if strings.HasPrefix(path, "../harness/") {
			lines[filepath.Dir(path)] += bytes.Count(text, []byte("\n"))
		}
	})
	if len(lines) < 20 {
		t.Fatalf("only %d packages were found", len(lines))
	}
	for dir, n := range lines {
		if n > maxLines {
			t.Errorf("%s has %d lines, want at most %d", dir, n, maxLines)
		}
	}
}

func TestTypesAreSmall(t *testing.T) {
	methods := map[string]int{}
	sources(t, func(path string, text []byte) {
		file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv != nil {
					methods[filepath.Dir(path)+"."+receiver(n.Recv.List[0].Type)]++
				}
			case *ast.TypeSpec:
				most := maxFields
				if path+":"+n.Name.Name == settings {
					most++
				}
				if s, ok := n.Type.(*ast.StructType); ok && s.Fields.NumFields() > most {
					t.Errorf("%s: struct %s has %d fields, want at most %d", path, n.Name, s.Fields.NumFields(), most)
				}
			}
			return true
		})
	})
	for name, n := range methods {
		if n > maxMethods {
			t.Errorf("%s has %d methods, want at most %d", name, n, maxMethods)
		}
	}
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}
