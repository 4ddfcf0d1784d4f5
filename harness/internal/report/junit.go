package report

import (
	"encoding/xml"
	"fmt"
	"strconv"
	"time"
)

// The elements of JUnit XML, as Jenkins and most other programs read them.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string          `xml:"name,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       string          `xml:"time,attr"`
		Timestamp  string          `xml:"timestamp,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
		Out        string          `xml:"system-out,omitempty"`
		Err        string          `xml:"system-err,omitempty"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name    string       `xml:"name,attr"`
		Class   string       `xml:"classname,attr"`
		Time    string       `xml:"time,attr"`
		Skipped *junitReason `xml:"skipped"`
		Error   *junitReason `xml:"error"`
		Failure *junitReason `xml:"failure"`
		Out     string       `xml:"system-out,omitempty"`
	}
	junitReason struct {
		Message string `xml:"message,attr,omitempty"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// JUnit returns the report as JUnit XML: a suite for each run, with a test case
// for each step and each test. A failed test is a failure; a kernel fault and a
// broken environment are errors.
func (r *Report) JUnit() ([]byte, error) {
	r = r.Cleaned()
	all := junitSuites{Name: "kmodtest", Time: seconds(r.Seconds)}
	for _, k := range r.Kernels {
		for _, pkg := range r.Packages {
			suite := missingSuite(k.Name, pkg)
			if run := r.Run(k.Name, pkg); run != nil {
				suite = run.suite(k)
			}
			suite.count()
			all.Suites = append(all.Suites, suite)
			all.Tests += suite.Tests
			all.Failures += suite.Failures
			all.Errors += suite.Errors
		}
	}
	b, err := xml.MarshalIndent(all, "", "\t")
	return append([]byte(xml.Header), append(b, '\n')...), err
}

func suiteName(kernel, pkg string) string { return pkg + " [" + kernel + "]" }

func missingSuite(kernel, pkg string) junitSuite {
	name := suiteName(kernel, pkg)
	return junitSuite{
		Name: name, Time: seconds(0), Timestamp: timestamp(time.Unix(0, 0)),
		Properties: []junitProperty{{"kernel", kernel}},
		Cases:      []junitCase{{Name: "[run]", Class: name, Time: seconds(0), Skipped: &junitReason{Message: "not run"}}},
	}
}

func (r *Run) suite(k Kernel) junitSuite {
	suite := junitSuite{
		Name: suiteName(r.Kernel, r.Package), Time: seconds(r.Seconds), Timestamp: timestamp(r.Started),
		Out: r.Output, Err: r.KernelLog,
	}
	for _, p := range []junitProperty{
		{"kernel", k.Name}, {"release", k.Release}, {"version", k.Version}, {"accel", r.Accel}, {"status", strconv.Itoa(r.Status)},
	} {
		if p.Value != "" {
			suite.Properties = append(suite.Properties, p)
		}
	}
	for _, step := range r.Steps {
		text := ""
		if step.State.Bad() {
			text = r.Raw
		}
		if text == "" && step.State == Fault {
			text = r.Evidence(explanationLimit)
		}
		c := junitCase{Name: "[" + step.Name + "]", Class: suite.Name, Time: seconds(step.Seconds)}
		c.setState(step.State, r, text)
		suite.Cases = append(suite.Cases, c)
	}
	for _, test := range r.Tests {
		c := junitCase{Name: test.Name, Class: suite.Name, Time: seconds(test.Seconds)}
		c.setState(test.State, r, test.Output)
		suite.Cases = append(suite.Cases, c)
	}
	return suite
}

// setState sets the outcome of a test case and the text that explains it.
func (c *junitCase) setState(state State, r *Run, text string) {
	reason := &junitReason{Message: r.Title, Type: string(state), Text: text}
	if state.Bad() && r.Judged() == Allowed {
		state, reason.Message = Allowed, r.result()
	}
	switch state {
	case Allowed:
		c.Skipped = reason
	case Failed:
		c.Failure = reason
	case Fault, Broken:
		c.Error = reason
	case Skipped, NotRun:
		c.Skipped = &junitReason{Message: string(state)}
		c.Out = text
	case NotApplicable:
		c.Skipped = &junitReason{Message: r.Title}
		c.Out = text
	case Passed:
		c.Out = text
	}
}

func (s *junitSuite) count() {
	s.Tests = len(s.Cases)
	for _, c := range s.Cases {
		switch {
		case c.Failure != nil:
			s.Failures++
		case c.Error != nil:
			s.Errors++
		case c.Skipped != nil:
			s.Skipped++
		}
	}
}

func seconds(s float64) string { return fmt.Sprintf("%.3f", s) }

func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05") }
