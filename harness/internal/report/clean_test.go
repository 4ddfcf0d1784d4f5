package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCleanTextHasNoControlCharacters(t *testing.T) {
	for in, want := range map[string]string{
		"a\x1b[31m\r\n\xffb\tc\x00\x7f\u0085\ufffe": "a␛[31m\n\ufffdb\tc␀␡\ufffd\ufffd",
		"\u202egpj.exe\u2066":                       "\ufffdgpj.exe\ufffd",
		"a\rb\r":                                    "a␍b␍",
		"ä✓\n\tü":                                   "ä✓\n\tü",
	} {
		if got := Clean([]byte(in)); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	if got, want := CleanLine(" a\nb\tc\x1b "), "a b c␛"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLongTextKeepsBeginningAndEnd(t *testing.T) {
	long := bytes.Repeat([]byte("x"), 3*TextLimit)
	copy(long, "first")
	copy(long[len(long)-4:], "last")
	got := Clean(long)
	if !strings.HasPrefix(got, "first") || !strings.HasSuffix(got, "last") || len(got) > TextLimit || len(got) < TextLimit-noteRoom {
		t.Errorf("got %d bytes: %.20q to %q", len(got), got, got[len(got)-20:])
	}
	if want := fmt.Sprintf("\n[… %d bytes are left out here …]\n", 2*TextLimit+noteRoom); !strings.Contains(got, want) {
		t.Errorf("no %q in the text", want)
	}
	if again := Clean([]byte(got)); again != got {
		t.Error("cleaning the text again changes it")
	}
}

func TestLongNamesStayDistinct(t *testing.T) {
	long := "Test/" + strings.Repeat("ä", 10_000)
	one, other := CleanName(long+"1"), CleanName(long+"2")
	if one == other || len(one) > TitleLimit || !utf8.ValidString(one) || !strings.HasPrefix(one, "Test/ää") {
		t.Errorf("got %q and %q", one, other)
	}
	if again := CleanName(one); again != one {
		t.Errorf("cleaned again, the name is %q", again)
	}
}

// A Clip gives the same result however a text is cut into pieces, and whole
// characters only.
func TestClipKeepsWholeCharacters(t *testing.T) {
	text := strings.Repeat("ä✓z", 400)
	for limit := 1; limit < 400; limit += 7 {
		for piece := 1; piece < 40; piece += 6 {
			kept := Clip{Limit: limit}
			for rest := []rune(text); len(rest) > 0; rest = rest[min(piece, len(rest)):] {
				kept.WriteString(string(rest[:min(piece, len(rest))]))
			}
			got := kept.String()
			if len(got) > max(limit, noteRoom) || !utf8.ValidString(got) {
				t.Fatalf("limit %d, pieces of %d: %d bytes %q", limit, piece, len(got), got)
			}
			head, tail, leftOut := parts(t, got)
			if !strings.HasPrefix(text, head) || !strings.HasSuffix(text, tail) || len(head)+leftOut+len(tail) != len(text) {
				t.Fatalf("limit %d, pieces of %d: %q is not %d bytes less", limit, piece, got, leftOut)
			}
		}
	}
}

// parts returns the beginning and the end of a clipped text, and how many bytes
// it says are left out.
func parts(t *testing.T, text string) (head, tail string, leftOut int) {
	t.Helper()
	found := regexp.MustCompile(`(?s)^(.*)\n\[… (\d+) bytes are left out here …\]\n(.*)$`).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("%q does not say what is left out", text)
	}
	if _, err := fmt.Sscan(found[2], &leftOut); err != nil {
		t.Fatal(err)
	}
	return found[1], found[3], leftOut
}

func TestShrunkClipCountsWhatIsLost(t *testing.T) {
	text := strings.Repeat("0123456789", 500)
	kept := Clip{Limit: 4000}
	kept.WriteString(text[:2000])
	kept.Shrink(1000)
	kept.WriteString(text[2000:])
	kept.Shrink(500)
	head, tail, leftOut := parts(t, kept.String())
	if !strings.HasPrefix(text, head) || !strings.HasSuffix(text, tail) || len(head)+leftOut+len(tail) != len(text) || kept.Size() > 500 {
		t.Errorf("got %q, %d bytes left out, %q of %d bytes", head, leftOut, tail, len(text))
	}
}

func TestEndlessTextTakesLittleMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	text, err := ReadText(io.LimitReader(endless{}, 256<<20))
	runtime.ReadMemStats(&after)
	if err != nil || len(text) > TextLimit {
		t.Errorf("got %d bytes, %v", len(text), err)
	}
	if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 32<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	broken := errors.New("broken")
	if text, err := ReadText(io.MultiReader(strings.NewReader("a\n"), failing{broken})); text != "a\n" || !errors.Is(err, broken) {
		t.Errorf("got %q, %v", text, err)
	}
}

// endless is a line without an end.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestLevelSharesBudget(t *testing.T) {
	for _, c := range []struct {
		sizes  []int
		budget int
		want   int
	}{
		{nil, 10, 0},
		{[]int{5, 7}, 12, 7},
		{[]int{5, 7}, 11, 6},
		{[]int{100, 1, 100}, 51, 25},
		{[]int{9, 9, 9}, 0, 0},
		{[]int{9}, -5, 0},
	} {
		if got := Level(c.sizes, c.budget); got != c.want {
			t.Errorf("%v in %d: got %d, want %d", c.sizes, c.budget, got, c.want)
		}
	}
}

// malicious is output that a guest may print to abuse a report.
const malicious = hostile + "\x00\x1b]0;title\x07\x1b[2J\xff\ufffe\u202ecod.exe\r]]>\n```\n</details>\n````\n| @user #1 ![x](https://example.org/x.png) $\\frac{1}{2}$ GH-1 \" onclick=\"alert(1)"

// maliciousReport has that output in every string that a guest can set.
func maliciousReport() *Report {
	r := sample()
	for i := range r.Kernels {
		r.Kernels[i].Release, r.Kernels[i].Version = malicious, malicious
	}
	for i := range r.Runs {
		run := &r.Runs[i]
		run.State, run.Kind, run.Stage, run.Title, run.Advice, run.Raw = Fault, malicious, malicious, malicious, malicious, malicious
		run.Output, run.KernelLog, run.Accel = malicious, malicious, malicious
		run.Tests = []Test{{Name: "Test/" + malicious, State: Fault, Output: malicious}, {Name: "Test" + malicious, State: Passed, Output: malicious}}
	}
	return r
}

func TestNoFormContainsControlCharacters(t *testing.T) {
	r := maliciousReport()
	for name, form := range map[string]func() ([]byte, error){JSONFile: r.json, JUnitFile: r.JUnit, MarkdownFile: r.Markdown, HTMLFile: r.HTML} {
		b, err := form()
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		if !utf8.Valid(b) || strings.ContainsAny(text, "\x00\x1b\x07\r\x7f\u202e\ufffe") || strings.Contains(text, `\u001b`) || strings.Contains(text, `\u202e`) {
			t.Errorf("%s contains control characters", name)
		}
	}
	added := (&Report{}).AddRun(r.Runs[0])
	for _, text := range []string{added.Explanation(), added.Summary(), added.Tests[0].Name} {
		if strings.ContainsAny(text, "\x00\x1b\u202e") {
			t.Errorf("a terminal gets %q", text)
		}
	}
}

func TestJUnitOfMaliciousOutputIsXML(t *testing.T) {
	b, err := maliciousReport().JUnit()
	if err != nil {
		t.Fatal(err)
	}
	var root element
	if err := xml.Unmarshal(b, &root); err != nil {
		t.Fatal(err)
	}
	checkElement(t, root)
}

func TestPageOfMaliciousOutputHasNoOtherMarkup(t *testing.T) {
	count := func(r *Report) map[string]int {
		b, err := r.HTML()
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]int{}
		for _, tag := range regexp.MustCompile(`<(script|img|b|/script|!--)\b|\bon[a-z]+="`).FindAllString(string(b), -1) {
			found[tag]++
		}
		return found
	}
	if got, want := count(maliciousReport()), count(&Report{}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want those of an empty report: %v", got, want)
	}
}

func TestUnknownStateIsBroken(t *testing.T) {
	r := &Report{}
	if run := r.AddRun(Run{State: "excellent", Tests: []Test{{State: "fine"}}}); run.State != Broken || run.Tests[0].State != Broken {
		t.Errorf("got %v", run)
	}
}
