package report

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// element is any XML element.
type element struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Children []element  `xml:",any"`
}

func (e element) attr(name string) string {
	for _, a := range e.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// junitSchema is the schema that Jenkins, GitLab and GitHub's actions read: the
// children of an element in order, and its required and optional attributes.
var junitSchema = map[string]struct {
	children       string // a regular expression for the children's names, each followed by a space
	needs, numbers []string
	may            []string
}{
	"testsuites": {`^(testsuite )*$`, []string{"name"}, []string{"tests", "failures", "errors", "time"}, nil},
	"testsuite": {
		`^(properties )?(testcase )*(system-out )?(system-err )?$`,
		[]string{"name", "timestamp"},
		[]string{"tests", "failures", "errors", "skipped", "time"},
		nil,
	},
	"properties": {`^(property )+$`, nil, nil, nil},
	"property":   {`^$`, []string{"name", "value"}, nil, nil},
	"testcase":   {`^(skipped |error |failure )?(system-out )?$`, []string{"name", "classname"}, []string{"time"}, nil},
	"skipped":    {`^$`, nil, nil, []string{"message"}},
	"error":      {`^$`, []string{"type"}, nil, []string{"message"}},
	"failure":    {`^$`, []string{"type"}, nil, []string{"message"}},
	"system-out": {`^$`, nil, nil, nil},
	"system-err": {`^$`, nil, nil, nil},
}

func checkElement(t *testing.T, e element) {
	t.Helper()
	name := e.XMLName.Local
	rule, ok := junitSchema[name]
	if !ok {
		t.Fatalf("unknown element %s", name)
	}
	var children strings.Builder
	for _, child := range e.Children {
		children.WriteString(child.XMLName.Local + " ")
		checkElement(t, child)
	}
	if !regexp.MustCompile(rule.children).MatchString(children.String()) {
		t.Errorf("the children of %s are %s", name, children.String())
	}
	for _, number := range rule.numbers {
		if _, err := strconv.ParseFloat(e.attr(number), 64); err != nil {
			t.Errorf("%s has %s=%q, which is not a number", name, number, e.attr(number))
		}
	}
	for _, need := range rule.needs {
		if e.attr(need) == "" {
			t.Errorf("%s has no %s", name, need)
		}
	}
	for _, a := range e.Attrs {
		if !slices.Contains(slices.Concat(rule.needs, rule.numbers, rule.may), a.Name.Local) {
			t.Errorf("%s has the unknown attribute %s", name, a.Name.Local)
		}
	}
}

func TestJUnitFollowsSchema(t *testing.T) {
	b, err := sample().JUnit()
	if err != nil {
		t.Fatal(err)
	}
	var root element
	if err := xml.Unmarshal(b, &root); err != nil {
		t.Fatal(err)
	}
	checkElement(t, root)
	if len(root.Children) != 8 {
		t.Errorf("%d suites, want one for each kernel and package", len(root.Children))
	}
	total := map[string]int{}
	for _, suite := range root.Children {
		found := map[string]int{}
		for _, child := range suite.Children {
			if child.XMLName.Local != "testcase" {
				continue
			}
			found["tests"]++
			for _, reason := range child.Children {
				found[reason.XMLName.Local+"s"]++
			}
		}
		for _, name := range []string{"tests", "failures", "errors"} {
			if suite.attr(name) != strconv.Itoa(found[name]) {
				t.Errorf("suite %s has %s=%s, but %d of them", suite.attr("name"), name, suite.attr(name), found[name])
			}
			total[name] += found[name]
		}
	}
	for name, n := range total {
		if root.attr(name) != strconv.Itoa(n) {
			t.Errorf("the root has %s=%s, but the suites have %d", name, root.attr(name), n)
		}
	}
	// The failing runs have: build, tests and two tests; load; tests and one test.
	if got := fmt.Sprint(total["failures"], " ", total["errors"]); got != "4 3" {
		t.Errorf("failures and errors: %s, want 4 3", got)
	}
}

func TestJUnitKeepsTexts(t *testing.T) {
	r := sample()
	b, err := r.JUnit()
	if err != nil {
		t.Fatal(err)
	}
	var suites junitSuites
	if err := xml.Unmarshal(b, &suites); err != nil {
		t.Fatal(err)
	}
	if got := suites.Suites[0].Cases[1].Failure; got == nil || got.Text != "error: "+hostile || got.Message != hostile {
		t.Errorf("the build's failure: %+v", got)
	}
	if got := suites.Suites[4].Err; got != r.Runs[4].KernelLog {
		t.Errorf("the kernel's log: %q, want %q", got, r.Runs[4].KernelLog)
	}
}

func TestMarkdownTableHasARowForEachRun(t *testing.T) {
	b, err := sample().Markdown()
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "|") {
			rows = append(rows, line)
			if n := len(regexp.MustCompile(`(^|[^\\])\|`).FindAllString(line, -1)); n != 9 {
				t.Errorf("%d bars in %q, want 9", n, line)
			}
		}
	}
	if len(rows) != 2+8 {
		t.Fatalf("%d rows, want 10:\n%s", len(rows), b)
	}
	for i, want := range []string{
		"| 5.10 | 5.10.0-1-amd64 (5.10.1-1) | alpha | ❌ | ➖ |  | 8.0 | ❌ &lt;/script&gt;",
		"| 5.10 | 5.10.0-1-amd64 (5.10.1-1) | beta | 1.5 s | 1.0 s | 1 passed | 8.0 | ✅ passed |",
		"| 6.1 | 6.1.0-2-amd64 (6.1.2-1) | alpha | 1.5 s | 1.0 s | 1 passed, 1 skipped, 2 failed | 8.0 | ❌ TestTwo failed |",
		"| 6.1 | 6.1.0-2-amd64 (6.1.2-1) | beta | 1.5 s | 🟧 |  | 8.0 | 🟧 QEMU is gone |",
		"| 6.12 | 6.12.3 | alpha | 1.5 s | 1.0 s | 1 passed, 1 ended in a fault | 8.0 | 💥 BUG: it |",
	} {
		if !strings.HasPrefix(rows[i+2], want) {
			t.Errorf("row %d is %q, want %q", i, rows[i+2], want)
		}
	}
	if !strings.HasPrefix(string(b), "### 💥 2 packages on 4 kernels: 3 passed, 1 not run, 1 broken, 2 failed, 1 fault\n") {
		t.Errorf("the headline is %.100q", b)
	}
}

func TestMarkdownStaysShort(t *testing.T) {
	r := sample()
	for i := range r.Runs {
		r.Runs[i].Raw = strings.Repeat("a line of a compiler\n", 10000)
	}
	b, err := r.Markdown()
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 2<<10+4*detailsLimit {
		t.Errorf("the report has %d bytes", len(b))
	}
	if opened, closed := strings.Count(string(b), "<details>"), strings.Count(string(b), "</details>"); opened != 4 || closed != 4 {
		t.Errorf("%d details are opened and %d closed, want 4", opened, closed)
	}
}

var embedded = regexp.MustCompile(`(?s)<script type="application/json" id="data">(.*?)</script>`)

func TestPageContainsReportAsDataOnly(t *testing.T) {
	b, err := sample().HTML()
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	found := embedded.FindStringSubmatch(page)
	if found == nil {
		t.Fatal("the page has no data")
	}
	var got Report
	if err := json.Unmarshal([]byte(found[1]), &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&got, sample()) {
		t.Errorf("the page contains\n%s, want\n%s", jsonOf(t, &got), jsonOf(t, sample()))
	}
	if scripts := strings.Count(page, "<script"); scripts != 2 {
		t.Errorf("%d scripts, want 2", scripts)
	}
	if strings.Contains(page, "<b>") {
		t.Error("a text became markup")
	}
	if outside := regexp.MustCompile(`(src|href)=|@import|url\(|https?://`).FindString(page); outside != "" {
		t.Errorf("the page refers to something outside it: %q", outside)
	}
}

func TestGridKeepsOrderOfTests(t *testing.T) {
	r := sample()
	names := func(tests ...string) []Test {
		var out []Test
		for _, name := range tests {
			out = append(out, Test{Name: name, State: Passed})
		}
		return out
	}
	r.Runs[0].Tests, r.Runs[2].Tests, r.Runs[4].Tests, r.Runs[6].Tests = names("A", "D"), names("A", "B", "B/x", "D", "E"), names("B", "C", "D"), nil
	if got := fmt.Sprint(testNames(r, "example.org/a/alpha")); got != "[A B B/x C D E]" && got != "[A B C B/x D E]" {
		t.Errorf("got %s", got)
	}
}

func TestArchitecturesAreGroupsOfColumns(t *testing.T) {
	r := &Report{Version: Version, Started: start, Packages: []string{"example.org/p"}, Kernels: []Kernel{
		{Name: "6.1@s390x", Order: 2},
		{Name: "trixie", Order: 8},
		{Name: "/srv/linux", Order: 9, Arch: "arm64"},
		{Name: "6.12@arm64", Order: 3, Arch: "arm64"},
		{Name: "6.1", Order: 1, Arch: "amd64"},
	}}
	r.Sort()
	var names []string
	for _, k := range r.Kernels {
		names = append(names, k.Name)
	}
	if want := []string{"6.1", "trixie", "6.12@arm64", "/srv/linux", "6.1@s390x"}; !slices.Equal(names, want) {
		t.Errorf("kernels are %q, want %q", names, want)
	}
	page, err := r.HTML()
	if err != nil {
		t.Fatal(err)
	}
	var heads []string
	for _, found := range regexp.MustCompile(`<th scope="colgroup" colspan="(\d)">(\w+)</th>`).FindAllStringSubmatch(string(page), -1) {
		heads = append(heads, found[1]+" "+found[2])
	}
	if want := []string{"2 amd64", "2 arm64", "1 s390x"}; !slices.Equal(heads, want) {
		t.Errorf("the heads are %q, want %q", heads, want)
	}
	r.Kernels = r.Kernels[:2]
	if page, err = r.HTML(); err != nil || strings.Contains(string(page), "colgroup") {
		t.Errorf("kernels of one architecture have a head, or %v", err)
	}
}

func TestLargeMatrixMakesPageOfAFewMegabytes(t *testing.T) {
	r := &Report{Version: Version, Started: start, Packages: []string{"example.org/p"}}
	for k := range 12 {
		name := fmt.Sprintf("6.%d", k)
		run := Run{Kernel: name, Package: "example.org/p", State: Passed, KernelLog: strings.Repeat("[    1.0] a line of a kernel's log\n", 1000)}
		for n := range 500 {
			run.Tests = append(run.Tests, Test{Name: fmt.Sprintf("TestNumber%d", n), State: Passed})
		}
		r.Kernels, r.Runs = append(r.Kernels, Kernel{Name: name, Order: k}), append(r.Runs, run)
	}
	b, err := r.HTML()
	if err != nil {
		t.Fatal(err)
	}
	if cells := strings.Count(string(b), `<button class="cell`); cells != 12*503 {
		t.Errorf("%d cells, want %d", cells, 12*503)
	}
	if len(b) > 4<<20 {
		t.Errorf("the page has %d bytes", len(b))
	}
}
