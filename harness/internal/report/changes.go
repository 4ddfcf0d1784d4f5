package report

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Changes are the results of a report that differ from those of a previous one.
type Changes struct {
	Since  time.Time `json:"since"`  // when the previous matrix began
	New    []Change  `json:"new"`    // they passed, and fail now
	Mended []Change  `json:"mended"` // they failed, and pass now
	Flaky  []Change  `json:"flaky"`  // either, although neither the commit nor the kernel has changed
}

// Change is a result that differs: that of a top-level test, or of a run that failed
// outside of its tests.
type Change struct {
	Kernel  string `json:"kernel"`
	Package string `json:"package"`
	Test    string `json:"test,omitempty"`   // "" for the run itself
	State   State  `json:"state"`            // now
	Before  string `json:"before,omitempty"` // the kernel's release and version before, if they differ
	Now     string `json:"now,omitempty"`    // then those now
}

// Compare returns the changes of a report since a previous one. Results that only one of
// them has are not compared.
func Compare(previous, now *Report) *Changes {
	previous = previous.Cleaned()
	c := &Changes{Since: previous.Started}
	for _, kernel := range now.Kernels {
		before := releaseOf(previous, kernel.Name)
		same := now.Commit != "" && now.Commit == previous.Commit && before == kernel.exact()
		for _, pkg := range now.Packages {
			old, run := previous.Run(kernel.Name, pkg), now.Run(kernel.Name, pkg)
			if old == nil || run == nil || !tells(old) || !tells(run) {
				continue
			}
			for _, change := range differences(old, run) {
				if before != kernel.exact() {
					change.Before, change.Now = before, kernel.exact()
				}
				switch {
				case same:
					c.Flaky = append(c.Flaky, change)
				case change.State.Bad():
					c.New = append(c.New, change)
				default:
					c.Mended = append(c.Mended, change)
				}
			}
		}
	}
	return c
}

// cleaned returns a copy with all strings cleaned.
func (c *Changes) cleaned() *Changes {
	if c == nil {
		return nil
	}
	clean := *c
	for _, list := range []*[]Change{&clean.New, &clean.Mended, &clean.Flaky} {
		*list = append([]Change{}, *list...)
		for i := range *list {
			one := &(*list)[i]
			one.Kernel, one.Package = cleanLine(one.Kernel, placeLimit), cleanLine(one.Package, placeLimit)
			one.Test, one.State = CleanName(one.Test), one.State.cleaned()
			one.Before, one.Now = CleanLine(one.Before), CleanLine(one.Now)
		}
	}
	return &clean
}

// markdown returns how many changes there are, as a paragraph.
func (c *Changes) markdown() string {
	if c == nil {
		return ""
	}
	var counts []string
	for _, group := range c.Groups() {
		counts = append(counts, fmt.Sprintf("%d %s", len(group.Changes)+group.LeftOut, group.Name))
	}
	if len(counts) == 0 {
		counts = []string{"nothing has changed"}
	}
	return fmt.Sprintf("Since %s: %s.\n\n", c.Since.UTC().Format("2006-01-02 15:04 MST"), strings.Join(counts, ", "))
}

// tells reports whether a run shows something about its tests.
func tells(run *Run) bool { return run.State == Passed || run.State == Failed || run.State == Fault }

// releaseOf returns the exact release of a kernel in a report, or "" if the report does not have it.
func releaseOf(r *Report, kernel string) string {
	i := slices.IndexFunc(r.Kernels, func(k Kernel) bool { return k.Name == kernel })
	if i < 0 {
		return ""
	}
	return r.Kernels[i].exact()
}

// differences returns the tests that passed in one run and failed in the other, or the run
// itself if it failed outside of its tests.
func differences(old, now *Run) []Change {
	var all []Change
	before, after := old.results(), now.results()
	if outside := after[""]; before[""].Bad() != outside.Bad() {
		all = append(all, Change{Kernel: now.Kernel, Package: now.Package, State: outside})
	}
	seen := map[string]bool{"": true}
	for _, test := range now.Tests {
		was, known := before[test.Name]
		state, ended := after[test.Name]
		if known && ended && !seen[test.Name] && was.Bad() != state.Bad() {
			all = append(all, Change{Kernel: now.Kernel, Package: now.Package, Test: test.Name, State: state})
		}
		seen[test.Name] = true
	}
	return all
}

// results returns the worst states of the top-level tests that passed or failed, and under
// "" that of the run outside of them.
func (r *Run) results() map[string]State {
	states := map[string]State{"": Passed}
	bad := false
	for _, test := range r.Tests {
		bad = bad || test.State.Bad()
		if strings.Contains(test.Name, "/") || test.State != Passed && !test.State.Bad() {
			continue
		}
		if known, ok := states[test.Name]; !ok || test.State.Worse(known) {
			states[test.Name] = test.State
		}
	}
	if r.State.Bad() && !bad {
		states[""] = r.State
	}
	return states
}

// changeLimit is how many changes of a kind the forms for people show.
const changeLimit = 100

// ChangeGroup is the changes of a kind, as the forms for people show them.
type ChangeGroup struct {
	Name    string
	Changes []Change
	LeftOut int
}

// Groups returns the kinds of changes that there are.
func (c *Changes) Groups() []ChangeGroup {
	var groups []ChangeGroup
	for _, g := range []ChangeGroup{{Name: "new failures", Changes: c.New}, {Name: "mended", Changes: c.Mended}, {Name: "flaky", Changes: c.Flaky}} {
		if n := len(g.Changes); n > changeLimit {
			g.Changes, g.LeftOut = g.Changes[:changeLimit], n-changeLimit
		}
		if len(g.Changes) > 0 {
			groups = append(groups, g)
		}
	}
	return groups
}
