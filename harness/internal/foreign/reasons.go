package foreign

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Reason explains why tests do not pass in the guest.
type Reason struct {
	Package   string // the package, or the beginning of its path
	Tests     string // a regular expression that matches their names; empty for all
	Output    string // a regular expression that matches what they print in the guest
	Reason    string
	Sometimes bool // the tests may also pass

	tests, output *regexp.Regexp
	used          bool
}

// Reasons are the reasons in a file.
type Reasons []*Reason

// ReadReasons reads a file of reasons. Each one needs a package, an output and a reason.
func ReadReasons(path string) (Reasons, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var all struct{ Reason Reasons }
	err = toml.NewDecoder(file).DisallowUnknownFields().Decode(&all)
	var unknown *toml.StrictMissingError
	switch {
	case errors.As(err, &unknown):
		return nil, fmt.Errorf("%s: unknown key:\n%s", path, unknown.String())
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for i, r := range all.Reason {
		if r.Package == "" || r.Output == "" || r.Reason == "" {
			return nil, fmt.Errorf("%s: reason %d lacks package, output or reason", path, i+1)
		}
		if r.tests, err = regexp.Compile(r.Tests); err == nil {
			r.output, err = regexp.Compile(r.Output)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return all.Reason, nil
}

// Explain sets the reasons of differences, by what the tests printed in the guest. It
// returns those that have no reason.
func (r Reasons) Explain(differences []Difference, guest Results) (unexplained []Difference) {
	for i, d := range differences {
		reason := r.find(d.Test, guest)
		if reason == nil {
			unexplained = append(unexplained, d)
			continue
		}
		reason.used = true
		differences[i].Reason = reason.Reason
	}
	return unexplained
}

func (r Reasons) find(test Test, guest Results) *Reason {
	for _, reason := range r {
		if strings.HasPrefix(test.Package, reason.Package) && reason.tests.MatchString(test.Name) &&
			reason.output.MatchString(guest.output(test)) {
			return reason
		}
	}
	return nil
}

// Unused returns the reasons for packages of a module that explain nothing any more.
func (r Reasons) Unused(module string) []string {
	var unused []string
	for _, reason := range r {
		if strings.HasPrefix(reason.Package, module) && !reason.used && !reason.Sometimes {
			unused = append(unused, reason.Reason)
		}
	}
	return unused
}
