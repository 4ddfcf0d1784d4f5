package host

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/harness/internal/testoutput"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
)

// request returns the request for one group: the user's request, but it skips all
// other tests. The user's own patterns stay, as they may select subtests.
func (f *freshTests) request(g *group) request.Request {
	r, p := f.run.Request, f.plan
	var skip []string
	if pattern := r.Values["test.skip"]; pattern != "" {
		skip = append(skip, pattern)
	}
	var others []string
	for _, name := range p.Names {
		if name != g.test && (g.test != "" || isTest(name)) {
			others = append(others, regexp.QuoteMeta(name))
		}
	}
	if len(others) > 0 {
		skip = append(skip, "^("+strings.Join(others, "|")+")$")
	}
	q := r.Without("test.shuffle").Without("test.fuzz").With("test.skip", strings.Join(skip, "|"))
	if g.test != "" {
		q = q.With("test.count", "1").With("test.cpu", strconv.Itoa(g.procs))
	}
	q = q.WithRemainingTime(r)
	if p.CoverMode != "" {
		q = q.With("test.coverprofile", freshProfile)
	}
	return q
}

// freshProfile is the path of such a group's cover profile in the guest.
const freshProfile = "/tmp/kmodtest-cover"

// withSelection returns q for the tests of a group that remain after a machine has
// died: with the remaining time of the user's request r, and without the subtests
// that have ended.
func withSelection(q request.Request, s testoutput.Selection, r request.Request) request.Request {
	if s.Turns != "" || s.Count > 0 {
		q = q.WithRemainingTime(r)
	}
	if s.Count > 0 {
		q = q.With("test.count", strconv.Itoa(s.Count))
	}
	if s.Skip != "" {
		skip := s.Skip
		if own := q.Values["test.skip"]; own != "" {
			skip = own + "|" + skip
		}
		q = q.With("test.skip", skip)
	}
	return q
}

// oneMachineFlags name files that each machine would write anew and that cannot
// be merged, or need one machine for other reasons.
var oneMachineFlags = []string{
	"test.cpuprofile", "test.memprofile", "test.blockprofile", "test.mutexprofile", "test.trace", "test.fuzz",
}

// refuseFlags returns an error for flags that require one machine for all tests.
func refuseFlags(r request.Request) error {
	i := slices.IndexFunc(oneMachineFlags, func(name string) bool { return r.Values[name] != "" })
	if i < 0 {
		return nil
	}
	return verdict.Failf(verdict.HostBroke, nil, "-%s requires one machine for all tests, but each test has a fresh machine", strings.TrimPrefix(oneMachineFlags[i], "test.")).
		Advise("KMODTEST_FRESH=off runs all tests in one machine")
}
