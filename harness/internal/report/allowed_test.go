package report

import (
	"strings"
	"testing"
)

func TestAllowedFailureIsShownAndDoesNotCount(t *testing.T) {
	allowed := Run{
		Kernel: "7-next", Package: "p", State: Failed, Stage: "tests", Title: "TestIt failed", Allowed: "not released (until 2030-06-30)",
		Steps: Steps(Failed, "tests", nil), Tests: []Test{{Name: "TestIt", State: Failed}},
	}
	passed := Run{Kernel: "6.1", Package: "p", State: Passed, Steps: Steps(Passed, "", nil)}
	r := Report{Version: Version, Kernels: []Kernel{{Name: "6.1"}, {Name: "7-next", Order: 1}}, Packages: []string{"p"}, Runs: []Run{passed, allowed}}
	if got, want := r.Headline(), "1 package on 2 kernels: 1 passed, 1 allowed to fail"; got != want || r.Status() != 0 {
		t.Errorf("the headline is %q, the status %d; want %q and 0", got, r.Status(), want)
	}
	markdown, err := r.Markdown()
	if err != nil {
		t.Fatal(err)
	}
	if want := "🟨 TestIt failed; allowed to fail: not released (until 2030-06-30) |"; !strings.Contains(string(markdown), want) {
		t.Errorf("the table does not have %q:\n%s", want, markdown)
	}
	junit, err := r.JUnit()
	if err != nil {
		t.Fatal(err)
	}
	if text := string(junit); strings.Contains(text, "<failure") || !strings.Contains(text, "not released") || !strings.Contains(text, `failures="0"`) {
		t.Errorf("the JUnit report counts an allowed failure, or does not have the reason:\n%s", text)
	}
	page, err := r.HTML()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "~ allowed to fail") || !strings.Contains(string(page), "not released") {
		t.Error("the page does not show the allowed failure")
	}
	r.Runs[1].State = Passed
	if r.State() != Passed {
		t.Errorf("a run that passed counts as %s", r.State())
	}
}
