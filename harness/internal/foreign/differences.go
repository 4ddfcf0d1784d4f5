package foreign

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Difference is a test that needs an explanation.
type Difference struct {
	Test
	Native, Guest Outcome
	Reason        string
}

// rank orders outcomes, the best first.
var rank = map[Outcome]int{Pass: 0, Skip: 1, "": 1, Fail: 2}

// Worse returns the tests that fail in the guest, and those whose result there is worse
// than on the host. A test that fails only because of its subtests is left out.
func Worse(native, guest Results) []Difference {
	found := map[Test]Difference{}
	for test := range guest {
		d := Difference{Test: test, Native: native.outcome(test), Guest: guest.outcome(test)}
		if d.Guest == Fail || rank[d.Guest] > rank[d.Native] {
			found[test] = d
		}
	}
	return withoutParents(found, func(d Difference) Outcome { return d.Guest })
}

// Better returns the tests whose result in the guest is better than on the host, with what
// they say on the host as reasons.
func Better(native, guest Results) []Difference {
	found := map[Test]Difference{}
	for test := range native {
		d := Difference{Test: test, Native: native.outcome(test), Guest: guest.outcome(test), Reason: said(native[test].Output)}
		if rank[d.Guest] < rank[d.Native] {
			found[test] = d
		}
	}
	return withoutParents(found, func(d Difference) Outcome { return d.Native })
}

// withoutParents sorts differences, and leaves out tests with a subtest that ended so, too.
func withoutParents(found map[Test]Difference, so func(Difference) Outcome) []Difference {
	for test, d := range maps.Clone(found) {
		for parent, ok := test.parent(); ok; parent, ok = parent.parent() {
			if so(found[parent]) == so(d) {
				delete(found, parent)
			}
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b Difference) int {
		return cmp.Or(strings.Compare(a.Package, b.Package), strings.Compare(a.Name, b.Name))
	})
}

var (
	framework = regexp.MustCompile(`^(=== |\s*--- |(PASS|FAIL|ok|exit status)\b|\s*$)`)
	position  = regexp.MustCompile(`^([\w.]+\.go:\d+: *|\d+/\d+/\d+ [\d:]+ )`) // as the packages testing and log write them
	// varying are parts of messages that differ from run to run.
	varying = regexp.MustCompile(`0x[0-9a-f]{6,}|/tmp/\S+|\d{6,}|[0-9a-f]{16}`)
)

// said returns the first line that a test printed itself.
func said(output string) string {
	for line := range strings.Lines(output) {
		if framework.MatchString(line) {
			continue
		}
		line = position.ReplaceAllString(strings.TrimSpace(line), "")
		if line != "" && line != "error:" && line != "got non-nil value" && line != "got:" {
			return varying.ReplaceAllString(line, "…")
		}
	}
	return ""
}
