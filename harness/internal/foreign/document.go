package foreign

import (
	"fmt"
	"slices"
	"strings"
)

// Report is the comparison of a module's tests.
type Report struct {
	Module, Version string
	Commands        []string // that ran the tests in the guest
	Packages        []string
	Native, Guest   Results
	Worse, Better   []Difference
}

// Update returns a document with the rows and the section of a module replaced.
func (r Report) Update(document string) (string, error) {
	document, err := replace(document, "suites", func(old string) string {
		lines := []string{"| package | passed, failed, skipped on the host | in the guest | with a reason below | better in the guest |\n", "|---|---|---|---|---|\n"}
		var rows []string
		for line := range strings.Lines(old) {
			if strings.HasPrefix(line, "| [") && !strings.HasPrefix(line, "| ["+r.Module+"]") {
				rows = append(rows, line)
			}
		}
		rows = append(rows, r.rows()...)
		slices.SortStableFunc(rows, func(a, b string) int { return strings.Compare(first(a), first(b)) })
		return strings.Join(append(lines, rows...), "")
	})
	if err != nil {
		return "", err
	}
	return replace(document, r.Module, func(string) string { return r.section() })
}

func first(row string) string {
	cell, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " |")
	return cell
}

// rows returns a row for each package.
func (r Report) rows() []string {
	var rows []string
	for _, pkg := range r.Packages {
		in := func(differences []Difference) (n int) {
			for _, d := range differences {
				if d.Package == pkg {
					n++
				}
			}
			return n
		}
		rows = append(rows, fmt.Sprintf("| [%s](#%s)%s | %s | %s | %d | %d |\n", r.Module, anchor(r.title()),
			strings.TrimPrefix(pkg, r.Module), counts(r.Native, pkg), counts(r.Guest, pkg), in(r.Worse), in(r.Better)))
	}
	return rows
}

func counts(results Results, pkg string) string {
	return fmt.Sprintf("%d, %d, %d", results.Count(pkg, Pass), results.Count(pkg, Fail), results.Count(pkg, Skip))
}

func (r Report) title() string { return r.Module + " " + r.Version }

// anchor returns the identifier that Markdown's readers give to a heading.
func anchor(heading string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == ' ':
			return '-'
		case strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-_", c):
			return c
		}
		return -1
	}, strings.ToLower(heading))
}

// section returns the part of the document about the module.
func (r Report) section() string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", r.title())
	for _, command := range r.Commands {
		fmt.Fprintf(&b, "    %s\n", command)
	}
	if len(r.Worse) > 0 {
		fmt.Fprint(&b, "\n| do not pass in the guest | on the host | in the guest | reason |\n|---|---|---|---|\n")
		for _, g := range group(r.Module, r.Worse) {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", g.tests, g.Native, g.Guest, cell(g.Reason))
		}
	}
	if len(r.Better) > 0 {
		fmt.Fprint(&b, "\n| end better in the guest | on the host | in the guest | message on the host |\n|---|---|---|---|\n")
		for _, g := range group(r.Module, r.Better) {
			fmt.Fprintf(&b, "| %s | %s | %s | `%s` |\n", g.tests, g.Native, g.Guest, cell(g.Reason))
		}
	}
	return b.String()
}

// together are tests of a package with the same outcomes and reason.
type together struct {
	Difference
	tests string
}

// group joins the rows of tests that differ in their names only.
func group(module string, differences []Difference) []together {
	var groups []together
	names := map[Difference][]string{}
	for _, d := range differences {
		key := d
		key.Name = ""
		if names[key] == nil {
			groups = append(groups, together{Difference: key})
		}
		names[key] = append(names[key], "`"+cell(d.Name)+"`")
	}
	for i, g := range groups {
		pkg := strings.TrimPrefix(strings.TrimPrefix(g.Package, module), "/")
		if pkg != "" {
			pkg += ": "
		}
		groups[i].tests = pkg + strings.Join(names[g.Difference], ", ")
	}
	return groups
}

func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }

// replace replaces the part of a document between two comments that name it.
func replace(document, name string, part func(old string) string) (string, error) {
	begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->\n"
	head, rest, begins := strings.Cut(document, begin)
	old, foot, ends := strings.Cut(rest, end)
	if !begins || !ends {
		return "", fmt.Errorf("the document has no place for %s", name)
	}
	return head + begin + part(old) + end + foot, nil
}
