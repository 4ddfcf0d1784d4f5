package host

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/kmodtest/kmodtest/harness/internal/coverprofile"
	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/harness/internal/resultfile"
	"github.com/kmodtest/kmodtest/harness/internal/testflags"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
)

// conclude ends a run: it merges the cover profiles of its groups, prints the
// final lines, and returns the failure of the run. err is a failure that is
// already known. finish prints the final lines; covered is the share of statements
// that ran in percent, or below 0 if it is unknown.
func conclude(r request.Request, groups []*group, err error, finish func(passed bool, covered float64) error) error {
	errs := []error{err}
	for _, g := range groups {
		errs = append(errs, g.err)
	}
	covered, err := writeCoverage(r, groups)
	errs = append(errs, err)
	if err := finish(verdict.Join(errs...) == nil, covered); err != nil {
		errs = append(errs, verdict.Failf(verdict.HostBroke, err, "write the tests' output"))
	}
	return verdict.Join(errs...)
}

// writeCoverage writes the cover profile that -test.coverprofile asks for, merged
// from those of the groups, and returns the share of statements that ran in
// percent, or -1 if it is unknown.
func writeCoverage(r request.Request, groups []*group) (percent float64, err error) {
	var profiles []coverprofile.Profile
	for _, g := range groups {
		if g.profile == "" {
			return -1, nil
		}
		profiles = append(profiles, g.profiles...)
	}
	profiles = slices.DeleteFunc(profiles, func(p coverprofile.Profile) bool { return len(p.Text) == 0 })
	if len(profiles) == 0 {
		return -1, nil // the verdict says why
	}
	cover, err := coverprofile.Merge(profiles)
	if err != nil {
		return -1, err
	}
	if r.Values["test.coverprofile"] != "" {
		err = writeFile(testflags.ResultPath(r, "test.coverprofile"), cover.Bytes())
	}
	return cover.Percent(), err
}

// writeFile writes a file as a whole or not at all.
func writeFile(path string, content []byte) error {
	sink, err := resultfile.New(path)
	if err != nil {
		return err
	}
	if _, err := sink.Write(content); err != nil {
		sink.Discard()
		return err
	}
	return sink.Commit()
}

// memorySink keeps a cover profile in memory.
type memorySink struct{ *bytes.Buffer }

// Write keeps p.
func (s memorySink) Write(p []byte) (int, error) {
	if s.Len()+len(p) > coverprofile.MaxSize {
		return 0, fmt.Errorf("the guest sent a cover profile of more than %d MiB", coverprofile.MaxSize>>20)
	}
	return s.Buffer.Write(p)
}

// Commit does nothing.
func (memorySink) Commit() error { return nil }

// Discard drops the received content.
func (s memorySink) Discard() { s.Reset() }
