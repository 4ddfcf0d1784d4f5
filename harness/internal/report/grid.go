package report

import (
	"slices"
	"strings"
)

// grid is the report as a table: kernels across, steps and tests down.
type grid struct {
	Columns []column
	Groups  []group
}

// column is the head of a kernel's column.
type column struct {
	Kernel
	State State // of its worst run
}

// group are the rows of a package.
type group struct {
	Package string
	Rows    []gridRow
}

// gridRow is a step or a test on all kernels.
type gridRow struct {
	Name   string // in full
	Parent string // the part of the name up to its last slash, with it
	Leaf   string // the rest
	Step   bool
	Cells  []gridCell
}

// gridCell is a step or a test on a kernel.
type gridCell struct {
	State   State
	Seconds float64
	Run     int // index of the run in the report; -1 if there is none
	Test    int // index of the test in the run; -1 if it is a step, or not there
}

// shownSteps have a row of their own. The tests have theirs, and the kernel
// hardly ever fails.
var shownSteps = []string{"build", "load", "checks"}

func (r *Report) grid() grid {
	var g grid
	for _, k := range r.Kernels {
		g.Columns = append(g.Columns, column{k, r.stateOn(k.Name)})
	}
	for _, pkg := range r.Packages {
		rows := r.stepRows(pkg)
		for _, name := range r.testNames(pkg) {
			rows = append(rows, r.testRow(pkg, name))
		}
		g.Groups = append(g.Groups, group{pkg, rows})
	}
	return g
}

func (r *Report) stateOn(kernel string) State {
	part := Report{}
	for _, run := range r.Runs {
		if run.Kernel == kernel {
			part.Runs = append(part.Runs, run)
		}
	}
	return part.State()
}

// testNames are those of all tests of a package, in the order in which its runs
// have them: a test that one run lacks stands behind the one that it follows
// in another.
func (r *Report) testNames(pkg string) []string {
	var names []string
	known := map[string]bool{}
	for _, run := range r.Runs {
		if run.Package != pkg {
			continue
		}
		at := 0
		for _, test := range run.Tests {
			if known[test.Name] {
				at = slices.Index(names, test.Name) + 1
				continue
			}
			known[test.Name] = true
			names = slices.Insert(names, at, test.Name)
			at++
		}
	}
	return names
}

func (r *Report) stepRows(pkg string) []gridRow {
	var rows []gridRow
	steps := shownSteps
	if r.anyBadKernel(pkg) {
		steps = append([]string{"kernel"}, steps...)
	}
	for _, name := range steps {
		row := gridRow{Name: name, Leaf: name, Step: true}
		for _, k := range r.Kernels {
			cell := gridCell{State: NotRun, Run: r.index(k.Name, pkg), Test: -1}
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

func (r *Report) anyBadKernel(pkg string) bool {
	return slices.ContainsFunc(r.Runs, func(run Run) bool { return run.Package == pkg && run.Step("kernel").State.Bad() })
}

func (r *Report) testRow(pkg, name string) gridRow {
	slash := strings.LastIndex(name, "/") + 1
	row := gridRow{Name: name, Parent: name[:slash], Leaf: name[slash:]}
	for _, k := range r.Kernels {
		cell := gridCell{State: NotRun, Run: r.index(k.Name, pkg), Test: -1}
		if cell.Run >= 0 {
			tests := r.Runs[cell.Run].Tests
			cell.Test = slices.IndexFunc(tests, func(t Test) bool { return t.Name == name })
			if cell.Test >= 0 {
				cell.State, cell.Seconds = tests[cell.Test].State, tests[cell.Test].Seconds
			}
		}
		row.Cells = append(row.Cells, cell)
	}
	return row
}

func (r *Report) index(kernel, pkg string) int {
	return slices.IndexFunc(r.Runs, func(run Run) bool { return run.Kernel == kernel && run.Package == pkg })
}

// States are those of the row's cells, each once, separated by spaces; that of
// what was not run is "not-run".
func (r gridRow) States() string {
	var states []string
	for _, cell := range r.Cells {
		if class := cell.State.Class(); !slices.Contains(states, class) {
			states = append(states, class)
		}
	}
	return strings.Join(states, " ")
}

// Quiet says whether the row is a subtest's with nothing bad in it.
func (r gridRow) Quiet() bool {
	return r.Parent != "" && !slices.ContainsFunc(r.Cells, func(c gridCell) bool { return c.State.Bad() })
}

// Class is the state as one word.
func (s State) Class() string { return strings.ReplaceAll(string(s), " ", "-") }

// Width is the number of columns, that of the names among them.
func (g grid) Width() int { return len(g.Columns) + 1 }
