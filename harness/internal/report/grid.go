package report

import (
	"slices"
	"strings"
)

// grid is the report as a table: kernels across, steps and tests down.
type grid struct {
	Archs   []archHead // nil if all kernels have the same architecture
	Columns []column
	Groups  []group
	LeftOut int // rows that are not in Groups
}

// column is the head of a kernel's column.
type column struct {
	Kernel
	State State // of its worst run
}

// archHead is the head of the columns of an architecture.
type archHead struct {
	Name  string
	Width int // in columns
}

// group is the rows of a package.
type group struct {
	Package string
	Rows    []gridRow
}

// gridRow is a step or a test on all kernels.
type gridRow struct {
	Name   string // in full
	Parent string // the part of the name up to its last slash, including it
	Leaf   string // the rest
	Step   bool
	Cells  []gridCell
}

// gridCell is a step or a test on a kernel.
type gridCell struct {
	State   State
	Seconds float64
	Run     int // index of the run in the report; -1 if there is none
	Test    int // index of the test in the run; -1 for a step, or if the run has no such test
}

// shownSteps are the steps that have a row. The step tests has a row for each test,
// and the step kernel hardly ever fails.
var shownSteps = []string{"build", "load", "checks"}

// gridLimit is how many cells a grid has at most: browsers become slow with more.
const gridLimit = 50_000

// newGrid returns the grid of a report. Its indexes are valid for that report only.
func newGrid(r *Report) grid {
	var g grid
	arch := archs(r.Kernels)
	for _, k := range r.Kernels {
		g.Columns = append(g.Columns, column{k, stateOn(r, k.Name)})
		if last := len(g.Archs) - 1; last >= 0 && g.Archs[last].Name == arch(k) {
			g.Archs[last].Width++
		} else {
			g.Archs = append(g.Archs, archHead{arch(k), 1})
		}
	}
	if len(g.Archs) == 1 {
		g.Archs = nil
	}
	rows := 0
	for _, pkg := range r.Packages {
		part := stepRows(r, pkg)
		part = append(part, testRows(r, pkg)...)
		rows += len(part)
		g.Groups = append(g.Groups, group{pkg, part})
	}
	g.shorten(rows, gridLimit/g.Width())
	return g
}

// shorten removes rows of tests until at most limit rows are left, from the last
// row to the first: quiet subtests, then other rows in which nothing is bad, then
// bad rows.
func (g *grid) shorten(rows, limit int) {
	remove := func(useless func(gridRow) bool) {
		for i := range slices.Backward(g.Groups) {
			kept := g.Groups[i].Rows
			for at := len(kept) - 1; at >= 0 && rows > limit; at-- {
				if !kept[at].Step && useless(kept[at]) {
					kept[at].Cells = nil // marks it
					rows--
					g.LeftOut++
				}
			}
			g.Groups[i].Rows = slices.DeleteFunc(kept, func(row gridRow) bool { return row.Cells == nil })
		}
	}
	remove(gridRow.Quiet)
	remove(func(row gridRow) bool { return !row.bad() })
	remove(func(gridRow) bool { return true })
}

func stateOn(r *Report, kernel string) State {
	part := Report{}
	for _, run := range r.Runs {
		if run.Kernel == kernel {
			part.Runs = append(part.Runs, run)
		}
	}
	return part.State()
}

// testNames returns the names of all tests of a package, in the order in which
// its runs list them. A test that is missing in one run comes after the test that
// it follows in another run.
func testNames(r *Report, pkg string) []string {
	var names []string
	known := map[string]bool{}
	for _, run := range r.Runs {
		if run.Package != pkg {
			continue
		}
		at := 0
		for _, test := range run.Tests {
			switch {
			case at < len(names) && names[at] == test.Name:
			case known[test.Name]:
				at = slices.Index(names, test.Name)
			default:
				known[test.Name] = true
				names = slices.Insert(names, at, test.Name)
			}
			at++
		}
	}
	return names
}

func stepRows(r *Report, pkg string) []gridRow {
	var rows []gridRow
	steps := shownSteps
	if anyBadKernel(r, pkg) {
		steps = append([]string{"kernel"}, steps...)
	}
	for _, name := range steps {
		row := gridRow{Name: name, Leaf: name, Step: true}
		for _, k := range r.Kernels {
			cell := gridCell{State: NotRun, Run: runIndex(r, k.Name, pkg), Test: -1}
			if cell.Run >= 0 {
				step := r.Runs[cell.Run].Step(name)
				cell.State, cell.Seconds = step.State, step.Seconds
			}
			row.Cells = append(row.Cells, cell)
		}
		rows = append(rows, row)
	}
	return rows
}

func anyBadKernel(r *Report, pkg string) bool {
	return slices.ContainsFunc(r.Runs, func(run Run) bool { return run.Package == pkg && run.Step("kernel").State.Bad() })
}

func testRows(r *Report, pkg string) []gridRow {
	rows := []gridRow{}
	at := map[string]int{}
	for i, name := range testNames(r, pkg) {
		slash := strings.LastIndex(name, "/") + 1
		rows = append(rows, gridRow{Name: name, Parent: name[:slash], Leaf: name[slash:]})
		at[name] = i
	}
	for _, k := range r.Kernels {
		run := runIndex(r, k.Name, pkg)
		for i := range rows {
			rows[i].Cells = append(rows[i].Cells, gridCell{State: NotRun, Run: run, Test: -1})
		}
		if run < 0 {
			continue
		}
		for i, test := range slices.Backward(r.Runs[run].Tests) { // the first of a name counts
			cells := rows[at[test.Name]].Cells
			cells[len(cells)-1] = gridCell{State: test.State, Seconds: test.Seconds, Run: run, Test: i}
		}
	}
	return rows
}

func runIndex(r *Report, kernel, pkg string) int {
	return slices.IndexFunc(r.Runs, func(run Run) bool { return run.Kernel == kernel && run.Package == pkg })
}

// States returns the states of the row's cells as CSS classes, each once, separated
// by spaces.
func (r gridRow) States() string {
	var states []string
	for _, cell := range r.Cells {
		if class := cell.State.Class(); !slices.Contains(states, class) {
			states = append(states, class)
		}
	}
	return strings.Join(states, " ")
}

// Quiet reports whether the row is a subtest's with nothing bad in it.
func (r gridRow) Quiet() bool { return r.Parent != "" && !r.bad() }

func (r gridRow) bad() bool {
	return slices.ContainsFunc(r.Cells, func(c gridCell) bool { return c.State.Bad() })
}

// Class returns the state as a single word.
func (s State) Class() string { return strings.ReplaceAll(string(s), " ", "-") }

// Width returns the number of columns, including the one with the names.
func (g grid) Width() int { return len(g.Columns) + 1 }
