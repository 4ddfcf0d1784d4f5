// Package docs tests the documents of this repository.
package docs

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// document is a Markdown file's links, and the anchors that links can lead to.
type document struct {
	anchors []string
	links   []string
}

var (
	code    = regexp.MustCompile("`[^`]*`")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`^#+ +(.+)$`)
)

// parse reads a Markdown file. It skips code, where brackets are not links.
func parse(text string) document {
	var d document
	fenced := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		if fenced || strings.HasPrefix(line, "    ") {
			continue
		}
		if found := heading.FindStringSubmatch(line); found != nil {
			d.addAnchor(found[1])
		}
		for _, found := range link.FindAllStringSubmatch(code.ReplaceAllString(line, "code"), -1) {
			d.links = append(d.links, found[1])
		}
	}
	return d
}

// addAnchor adds the anchor that GitHub gives to a heading. It numbers headings
// with the same text.
func (d *document) addAnchor(text string) {
	anchor := strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, text)
	unique := anchor
	for n := 1; slices.Contains(d.anchors, unique); n++ {
		unique = fmt.Sprintf("%s-%d", anchor, n)
	}
	d.anchors = append(d.anchors, unique)
}

// brokenLinks returns a line for each relative link in the Markdown files below
// root that leads to no file, or to no heading of a Markdown file.
func brokenLinks(root string) ([]string, error) {
	documents := map[string]document{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "kmodtest-report"):
			return filepath.SkipDir
		case entry.IsDir() || filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		documents[path] = parse(string(text))
		return err
	})
	if err != nil {
		return nil, err
	}
	var broken []string
	for path, d := range documents {
		for _, to := range d.links {
			if strings.Contains(to, "://") {
				continue
			}
			file, anchor, hasAnchor := strings.Cut(to, "#")
			target := path
			if file != "" {
				target = filepath.Join(filepath.Dir(path), file)
			}
			if _, err := os.Stat(target); err != nil {
				broken = append(broken, fmt.Sprintf("%s: %s: there is no such file", path, to))
			} else if hasAnchor && !slices.Contains(documents[target].anchors, anchor) {
				broken = append(broken, fmt.Sprintf("%s: %s: there is no such heading", path, to))
			}
		}
	}
	slices.Sort(broken)
	return broken, nil
}

func TestRelativeLinksLeadSomewhere(t *testing.T) {
	broken, err := brokenLinks("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range broken {
		t.Error(line)
	}
}

func TestBrokenLinksAreFound(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"a.md": "# A `b`: c_d, e\n## Same\n## Same\n" +
			"[1](#a-b-c_d-e) [2](#same-1) [3](b.md#same) [4](sub/) [5](https://example.com/no.md#x)\n" +
			"`[6](no.md)`\n    [7](no.md)\n```\n# Not a heading\n[8](no.md)\n```\n" +
			"[file](no.md) ![picture](sub/no.png) [heading](b.md#no) [own](#not-a-heading)\n",
		"b.md":     "# Same\n[up](sub/c.md)\n",
		"sub/c.md": "[sibling](b.md) [up](../b.md#same)\n",
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := brokenLinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"a.md: #not-a-heading: there is no such heading",
		"a.md: b.md#no: there is no such heading",
		"a.md: no.md: there is no such file",
		"a.md: sub/no.png: there is no such file",
		"sub/c.md: b.md: there is no such file",
	}
	for i := range want {
		want[i] = filepath.Join(dir, want[i])
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
