// Package annotations shows the failures of a report on GitHub, at the lines of the sources that they point to.
package annotations

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// Limits of annotations. GitHub shows at most ten errors of a step.
const (
	annotationLimit = 10
	messageLimit    = 4 << 10 // bytes
)

// Sources are the files that an annotation may name.
type Sources struct {
	Root string            // the root of the repository
	Dirs map[string]string // directories by the import path of the package in them
}

// annotation is a failure, with the place in the sources that it points to.
type annotation struct {
	file    string // relative to Sources.Root; "" if it is unknown
	line    int
	what    string // "TestSet failed"
	message string
	state   report.State
	kernels []string
}

// Workflow returns the report as commands for GitHub Actions: a group for each kernel, with its runs, and
// an error for each failure, at most ten and the worst first. A failed test points to its last message, a
// kernel fault to a line of the module. All commands are the report's own: texts from a guest are escaped.
func (s Sources) Workflow(r *report.Report) string {
	r = r.Cleaned()
	var b strings.Builder
	for _, kernel := range r.Kernels {
		fmt.Fprintf(&b, "::group::%s\n", escapeData("Linux "+kernel.Name))
		for i := range r.Runs {
			if run := &r.Runs[i]; run.Kernel == kernel.Name {
				b.WriteString(report.Quote(run.Package + ": " + run.Summary() + "\n"))
				if run.State.Bad() {
					b.WriteString(report.Quote(run.Explanation()))
				}
			}
		}
		b.WriteString("::endgroup::\n")
	}
	found := s.annotations(r)
	for _, a := range found[:min(len(found), annotationLimit)] {
		b.WriteString(a.command())
	}
	if more := len(found) - annotationLimit; more > 0 {
		fmt.Fprintf(&b, "::warning title=kmodtest::%s not shown here: see the report in the summary\n", report.Count(more, "failure"))
	}
	return b.String()
}

// annotations returns all failures, the worst first. The same failure on several kernels is one.
func (s Sources) annotations(r *report.Report) []annotation {
	var all []annotation
	for i := range r.Runs {
		for _, a := range s.ofRun(&r.Runs[i]) {
			same := slices.IndexFunc(all, func(other annotation) bool {
				return other.file == a.file && other.line == a.line && other.what == a.what && other.state == a.state
			})
			if same >= 0 {
				all[same].kernels = append(all[same].kernels, a.kernels...)
			} else {
				all = append(all, a)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b annotation) int {
		return slices.Index(report.States, b.state) - slices.Index(report.States, a.state)
	})
	return all
}

// ofRun returns the failed tests of a run, or the run itself if it failed without one.
func (s Sources) ofRun(run *report.Run) []annotation {
	if !run.Judged().Bad() {
		return nil
	}
	var all []annotation
	for _, test := range run.Tests {
		if !test.State.Bad() {
			continue
		}
		a := annotation{what: test.Name + " " + verb[test.State], message: test.Excerpt(messageLimit), state: test.State}
		a.file, a.line = s.place(run.Package, test.Output)
		if a.file == "" && isBadInside(run, test.Name) {
			continue // the test in it says more
		}
		all = append(all, a)
	}
	if len(all) == 0 {
		a := annotation{what: run.Package + " " + verb[run.State], message: run.Title + "\n" + run.Evidence(messageLimit), state: run.State}
		a.file, a.line = s.place(run.Package, run.Raw)
		all = append(all, a)
	}
	for i := range all {
		all[i].kernels = []string{run.Kernel}
	}
	return all
}

var verb = map[report.State]string{report.Failed: "failed", report.Fault: "caused a kernel fault", report.Broken: "did not end"}

// isBadInside reports whether a test inside the named one did not pass.
func isBadInside(run *report.Run, name string) bool {
	return slices.ContainsFunc(run.Tests, func(t report.Test) bool { return t.State.Bad() && strings.HasPrefix(t.Name, name+"/") })
}

var (
	faultPlace    = regexp.MustCompile(`(?m)^\s*(/[^\n]*):(\d{1,9}): in \S+$`)
	compilerPlace = regexp.MustCompile(`(?m)^\s*([^\s:]+\.(?:c|h|S|go)):(\d{1,9}):(?:\d+:)? (?:fatal error|error): `)
	messagePlace  = regexp.MustCompile(`(?m)^\s*([^\s:/]+\.go):(\d{1,9}): `)
	goPlace       = regexp.MustCompile(`(?m)^([^\s:]+\.go):(\d{1,9}):\d+: `)
)

// place returns the line of the sources that an output points to: the first frame of a kernel fault, the
// first error of a compiler, or the last message of a test.
func (s Sources) place(pkg, output string) (file string, line int) {
	for _, pattern := range []*regexp.Regexp{faultPlace, compilerPlace, goPlace} {
		for _, found := range pattern.FindAllStringSubmatch(output, annotationLimit) {
			if file := s.find(pkg, found[1]); file != "" {
				return file, number(found[2])
			}
		}
	}
	messages := messagePlace.FindAllStringSubmatch(output, -1)
	for i := len(messages) - 1; i >= max(0, len(messages)-annotationLimit); i-- {
		if file := s.find(pkg, messages[i][1]); file != "" {
			return file, number(messages[i][2])
		}
	}
	return "", 0
}

// find returns a file's path relative to the root, or "" if it is no file in the repository. A relative
// name is in the package's directory.
func (s Sources) find(pkg, name string) string {
	if !filepath.IsAbs(name) {
		dir, ok := s.Dirs[pkg]
		if !ok {
			return ""
		}
		name = filepath.Join(dir, name)
	}
	root, err := filepath.EvalSymlinks(s.Root)
	if err != nil {
		return ""
	}
	if name, err = filepath.EvalSymlinks(name); err != nil {
		return ""
	}
	relative, err := filepath.Rel(root, name)
	if info, statErr := os.Stat(name); err != nil || statErr != nil || !info.Mode().IsRegular() || !filepath.IsLocal(relative) {
		return ""
	}
	return relative
}

func number(digits string) int {
	n, _ := strconv.Atoi(digits) // at most nine digits
	return n
}

// command returns the annotation as a workflow command, on one line.
func (a *annotation) command() string {
	title := report.CleanLine(a.what + " on Linux " + strings.Join(a.kernels, ", "))
	place := ""
	if a.file != "" {
		place = fmt.Sprintf("file=%s,line=%d,", escapeProperty(a.file), a.line)
	}
	message := strings.TrimRight(a.message, "\n")
	if message == "" {
		message = title
	}
	return fmt.Sprintf("::error %stitle=%s::%s\n", place, escapeProperty(title), escapeData(report.Inert(message)))
}

var (
	dataEscapes     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// escapeData escapes the message of a workflow command.
func escapeData(text string) string { return dataEscapes.Replace(text) }

// escapeProperty escapes the value of a property of a workflow command. A value must not have "##[".
func escapeProperty(text string) string { return propertyEscapes.Replace(report.Inert(text)) }
