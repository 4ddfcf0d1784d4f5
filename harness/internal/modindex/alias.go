package modindex

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// alias is another name for a module. Its pattern has the metacharacters of
// fnmatch(3), and underscores in place of hyphens.
type alias struct{ pattern, module string }

// softDeps are names and aliases that a module wants to be loaded before and after
// it.
type softDeps struct{ pre, post []string }

// readNames reads the lists of aliases and of soft dependencies. Any of them may be
// missing.
func (x *Index) readNames() (n names, err error) {
	n.softDeps = map[string]softDeps{}
	for name, own := range x.own {
		if err := n.addOwn(name, own.path); err != nil {
			return n, err
		}
	}
	aliases, err := readAliases(x.dir, "modules.alias")
	if err != nil {
		return n, err
	}
	n.aliases = append(n.aliases, aliases...)
	text, err := readList(x.dir, "modules.softdep")
	if err != nil {
		return n, err
	}
	for line := range bytes.Lines(text) {
		if words := strings.Fields(string(line)); len(words) > 2 && words[0] == "softdep" {
			n.addSoft(underscores(words[1]), words[2:])
		}
	}
	text, err = readList(x.dir, "modules.builtin.modinfo")
	for field := range bytes.SplitSeq(text, []byte{0}) {
		name, value, _ := strings.Cut(string(field), "=")
		if module, ok := strings.CutSuffix(name, ".alias"); ok {
			n.builtin = append(n.builtin, alias{underscores(value), module})
		}
	}
	return n, err
}

// addOwn adds the aliases and soft dependencies that a module under test declares.
func (n *names) addOwn(name, path string) error {
	f, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("read module %s: %w", path, err)
	}
	defer f.Close()
	section := f.Section(".modinfo")
	if section == nil {
		return fmt.Errorf("read module %s: it has no section .modinfo", path)
	}
	data, err := section.Data()
	if err != nil {
		return fmt.Errorf("read module %s: %w", path, err)
	}
	for field := range bytes.SplitSeq(data, []byte{0}) {
		switch key, value, _ := strings.Cut(string(field), "="); key {
		case "alias":
			n.aliases = append(n.aliases, alias{underscores(value), name})
		case "softdep":
			n.addSoft(name, strings.Fields(value))
		}
	}
	return nil
}

// addSoft adds the soft dependencies of a module: names after "pre:" and "post:".
// Other names have no effect, as for modprobe(8).
func (n *names) addSoft(module string, words []string) {
	soft := n.softDeps[module]
	var list *[]string
	for _, word := range words {
		switch {
		case word == "pre:":
			list = &soft.pre
		case word == "post:":
			list = &soft.post
		case list != nil:
			*list = append(*list, word)
		}
	}
	n.softDeps[module] = soft
}

// readAliases reads a list with lines of "alias", a pattern and a module.
func readAliases(dir, file string) ([]alias, error) {
	text, err := readList(dir, file)
	var aliases []alias
	for line := range bytes.Lines(text) {
		if words := bytes.Fields(line); len(words) == 3 && string(words[0]) == "alias" {
			aliases = append(aliases, alias{underscores(string(words[1])), underscores(string(words[2]))})
		}
	}
	return aliases, err
}

// readList reads a list of depmod(8). A missing list is empty.
func readList(dir, file string) ([]byte, error) {
	if dir == "" {
		return nil, nil
	}
	text, err := os.ReadFile(filepath.Join(dir, file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

// matching returns the modules that have an alias that matches a name, each once, in
// the order of the aliases.
func matching(aliases []alias, name string) []string {
	var modules []string
	for _, a := range aliases {
		if matches(a.pattern, name) && !slices.Contains(modules, a.module) {
			modules = append(modules, a.module)
		}
	}
	return modules
}

// underscores replaces hyphens outside of brackets: names of modules and aliases are
// equal if they differ in these only.
func underscores(name string) string {
	if !strings.Contains(name, "[") {
		return strings.ReplaceAll(name, "-", "_")
	}
	b, inside := []byte(name), false
	for i, c := range b {
		switch {
		case c == '[':
			inside = true
		case c == ']':
			inside = false
		case c == '-' && !inside:
			b[i] = '_'
		}
	}
	return string(b)
}
