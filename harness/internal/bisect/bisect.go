// Package bisect finds the first commit of a module, or the first kernel, on which a test
// fails. It runs the test at points that halve the others, in a work tree of its own.
package bisect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// space is a set of points in which a search finds the first bad one.
type space interface {
	// candidates returns the points that may be the first bad one. bad is the last.
	candidates(ctx context.Context, good []string, bad string) (candidates, error)
	// title returns a line that describes a point.
	title(ctx context.Context, id string) (string, error)
	// try runs the test at a point. Progress is printed to log.
	try(ctx context.Context, id string, log io.Writer) (*report.Report, error)
}

// Options configures a search. Package and Output are required.
type Options struct {
	Package string   // directory of the package with the test
	Test    string   // a regular expression, as for -test.run
	Args    []string // further arguments of the test binary
	Output  string   // directory for the log and the reports of the steps
	Out     io.Writer
}

// Result is the end of a search.
type Result struct {
	First    string   // the first bad point; "" if points were skipped that may be it
	Suspects []string // then these points, with the first bad one among them
	Titles   map[string]string
	Report   string // path of the page with the report of the run at First
	Runs     int
}

// search is the state of a search.
type search struct {
	space
	Options
	good    string // the good end
	bad     string // the bad end, and then the earliest bad point known
	known   []string
	skipped map[string]bool
	symptom symptom
	journal *journal
	result  Result
}

// run searches between the ends. It tests the bad end first: how it fails is the symptom
// of the search. It tests the good end only if no other point is good, because otherwise
// the result does not depend on it.
func (s *search) run(ctx context.Context) (*Result, error) {
	s.skipped, s.known = map[string]bool{}, []string{s.good}
	s.result.Titles = map[string]string{}
	all, err := s.candidates(ctx, s.known, s.bad)
	if err != nil {
		return nil, err
	}
	s.say("%d to search, in about %d runs", len(all.points), 1+bits.Len(uint(max(len(all.points)-1, 0))))
	if err := s.testBadEnd(ctx); err != nil {
		return nil, err
	}
	for {
		if all, err = s.candidates(ctx, s.known, s.bad); err != nil {
			return nil, err
		}
		id, ok := all.next(s.skipped)
		if !ok {
			break
		}
		run, err := s.test(ctx, id)
		if err != nil {
			return nil, err
		}
		answer, why := judge(run, s.symptom)
		s.take(id, answer)
		if err := s.record(id, answer, why, run); err != nil {
			return nil, err
		}
	}
	if err := s.testGoodEnd(ctx); err != nil {
		return nil, err
	}
	return s.conclude(all.points)
}

// take adds an answer to what is known.
func (s *search) take(id string, answer Answer) {
	switch answer {
	case Good:
		s.known = append(s.known, id)
	case Bad:
		s.bad = id
	case Skip:
		s.skipped[id] = true
	}
}

func (s *search) testBadEnd(ctx context.Context) error {
	run, err := s.test(ctx, s.bad)
	if err != nil {
		return err
	}
	s.symptom, err = symptomOf(run)
	if err != nil {
		return fmt.Errorf("%s must be bad, but %w; see %s", s.result.Titles[s.bad], err, s.journal.page())
	}
	return s.record(s.bad, Bad, run.Title, run)
}

// testGoodEnd tests the good end unless a later point was good.
func (s *search) testGoodEnd(ctx context.Context) error {
	if len(s.known) > 1 {
		return nil
	}
	run, err := s.test(ctx, s.good)
	if err != nil {
		return err
	}
	answer, why := judge(run, s.symptom)
	if err := s.record(s.good, answer, why, run); err != nil {
		return err
	}
	switch answer {
	case Bad:
		return fmt.Errorf("%s must be good, but the test fails there as at the bad end: %s; choose an earlier one", s.result.Titles[s.good], run.Title)
	case Skip:
		s.say("the good end could not be tested (%s): the first bad one may be earlier", why)
	case Good:
	}
	return nil
}

// test runs the test at a point.
func (s *search) test(ctx context.Context, id string) (*report.Run, error) {
	title, err := s.title(ctx, id)
	if err != nil {
		return nil, err
	}
	s.result.Titles[id] = title
	s.result.Runs++
	step, err := s.journal.begin(s.result.Runs, title)
	if err != nil {
		return nil, err
	}
	rep, err := s.try(ctx, id, step)
	if err = errors.Join(err, step.end(rep)); err != nil {
		return nil, err
	}
	if len(rep.Runs) != 1 {
		return nil, fmt.Errorf("%d runs at %s, want one: name one package", len(rep.Runs), title)
	}
	if s.result.Titles[id], err = s.title(ctx, id); err != nil { // the run may have found more about the point
		return nil, err
	}
	return &rep.Runs[0], ctx.Err()
}

// record writes an answer to the journal and prints it.
func (s *search) record(id string, answer Answer, why string, run *report.Run) error {
	if answer == Bad {
		s.result.Report = s.journal.page()
	}
	s.say("%d  %-4s  %s: %s (%.1f s)", s.result.Runs, answer, s.result.Titles[id], why, run.Seconds)
	return s.journal.answer(id, s.result.Titles[id], answer)
}

// conclude returns the result once no candidate is left to test.
func (s *search) conclude(left []string) (*Result, error) {
	if len(left) <= 1 {
		s.result.First = s.bad
		return &s.result, s.journal.note("first bad: [%s] %s", s.bad, s.result.Titles[s.bad])
	}
	s.result.Suspects = left
	return &s.result, s.journal.note("only skipped ones left to test: %s", strings.Join(left, " "))
}

func (s *search) say(format string, args ...any) {
	_, _ = fmt.Fprintln(s.Out, report.Inert(report.CleanLine(fmt.Sprintf(format, args...)))) // the search goes on without a reader
}
