package kconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Symbol is a symbol in the Kconfig files of a kernel.
type Symbol struct {
	// Depends has one element for each definition of the symbol: the conditions that must all be met.
	Depends [][]string
	// Selected lists the symbols that select this one, with their conditions: "X" or "X if Y".
	Selected []string
}

// Tree holds the symbols of a kernel's sources, by name.
type Tree map[string]*Symbol

// ReadTree reads the Kconfig files of a kernel's sources in dir. Macros are not expanded.
func ReadTree(dir, arch string) (Tree, error) {
	r := &reader{dir: dir, arch: arch, tree: Tree{}}
	if err := r.file("Kconfig"); err != nil {
		return nil, fmt.Errorf("read Kconfig files: %w", err)
	}
	return r.tree, nil
}

func (t Tree) symbol(name string) *Symbol {
	if t[name] == nil {
		t[name] = &Symbol{}
	}
	return t[name]
}

// reader reads Kconfig files as one: the dependencies of a block apply to the files sourced in it.
type reader struct {
	dir, arch string
	tree      Tree
	depth     int // of nested files
	blocks    []block
	config    string    // the symbol of the current entry, or ""
	depends   *[]string // takes the dependencies of the current entry or block
}

// block is an open if, menu or choice.
type block struct{ depends []string }

// mostDepth is the limit for nested files. No kernel reaches it.
const mostDepth = 64

func (r *reader) file(name string) error {
	name = strings.NewReplacer("$(SRCARCH)", r.arch, "$SRCARCH", r.arch).Replace(strings.Trim(name, `"`))
	text, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		return err
	}
	r.depth++
	if r.depth > mostDepth {
		return fmt.Errorf("%s sources itself", name)
	}
	defer func() { r.depth-- }()
	helpIndent := -1 // of a help text, 0 before its first line, -1 outside
	for line := range strings.Lines(strings.ReplaceAll(string(text), "\\\n", " ")) {
		trimmed := strings.TrimSpace(line)
		if trimmed == "" {
			continue
		}
		if helpIndent >= 0 {
			indent := indentation(line)
			if helpIndent == 0 {
				helpIndent = indent
			}
			if indent > 0 && indent >= helpIndent {
				continue
			}
			helpIndent = -1
		}
		if trimmed == "help" || trimmed == "---help---" {
			helpIndent = 0
			continue
		}
		if err := r.line(trimmed); err != nil {
			return err
		}
	}
	return nil
}

func indentation(line string) int {
	n := 0
	for _, c := range line {
		switch c {
		case ' ':
			n++
		case '\t':
			n += 8 - n%8
		default:
			return n
		}
	}
	return n
}

var comment = regexp.MustCompile(`\s+#.*$`)

func (r *reader) line(line string) error {
	word, rest, _ := strings.Cut(comment.ReplaceAllString(line, ""), " ")
	if i := strings.IndexByte(word, '\t'); i >= 0 {
		word, rest = word[:i], word[i+1:]+" "+rest
	}
	rest = strings.Join(strings.Fields(rest), " ")
	switch word {
	case "config", "menuconfig":
		r.begin(rest)
	case "comment":
		r.config, r.depends = "", &[]string{} // its dependencies are not needed
	case "if":
		r.open(rest)
	case "menu", "choice":
		r.open("")
	case "endif", "endmenu", "endchoice":
		if len(r.blocks) > 0 {
			r.blocks = r.blocks[:len(r.blocks)-1]
		}
		r.config, r.depends = "", nil
	case "depends":
		if r.depends != nil {
			*r.depends = append(*r.depends, strings.TrimSpace(strings.TrimPrefix(rest, "on")))
		}
	case "select":
		name, condition, conditional := strings.Cut(rest, " if ")
		by := r.config
		if conditional {
			by += " if " + strings.TrimSpace(condition)
		}
		s := r.tree.symbol(strings.TrimSpace(name))
		s.Selected = append(s.Selected, by)
	case "source":
		r.config, r.depends = "", nil
		if err := r.file(rest); !errors.Is(err, fs.ErrNotExist) { // the name may contain a macro
			return err
		}
	}
	return nil
}

// begin starts the definition of a symbol.
func (r *reader) begin(name string) {
	s := r.tree.symbol(name)
	var depends []string
	for _, b := range r.blocks {
		depends = append(depends, b.depends...)
	}
	s.Depends = append(s.Depends, depends)
	r.config, r.depends = name, &s.Depends[len(s.Depends)-1]
}

// open starts a block. The dependencies of a menu or a choice follow in lines of their own.
func (r *reader) open(condition string) {
	b := block{}
	if condition != "" {
		b.depends = []string{condition}
	}
	r.blocks = append(r.blocks, b)
	r.config, r.depends = "", &r.blocks[len(r.blocks)-1].depends
}
