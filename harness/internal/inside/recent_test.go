package inside

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// newRecent returns a recentLog, and a function that lets the log get a record.
func newRecent(t *testing.T) (*recentLog, func(string)) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	l := &recentLog{fd: fds[0], record: make([]byte, longestRecord)}
	t.Cleanup(func() {
		l.close()
		_ = unix.Close(fds[1])
	})
	return l, func(record string) {
		t.Helper()
		if _, err := unix.Write(fds[1], []byte(record)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNewsAreOfTheKernelOrMarks(t *testing.T) {
	for record, want := range map[string]bool{
		"4,17,90,-;WARNING: CPU: 0\n":                      true,
		"6,17,90,-,caller=T7;loaded\n":                     true,
		"12,17,90,-;systemd: started\n":                    false,
		"11,17,90,-;kmodtest: expect TestA oops #0 word\n": true, // of a helper
		"": false,
	} {
		l, add := newRecent(t)
		if record != "" {
			add("30,16,80,-;daemon: other\n")
			add(record)
		}
		if got := l.hasNews("word"); got != want {
			t.Errorf("%q: news %v, want %v", record, got, want)
		}
		if l.hasNews("word") {
			t.Errorf("%q is news twice", record)
		}
	}
}

func TestSkipFindsWhatCameBeforeTheMark(t *testing.T) {
	const own = "15,3,90,-;kmodtest: run TestA #5 word\n"
	for name, c := range map[string]struct {
		records []string
		alone   bool
		news    bool // for the next mark
	}{
		"nothing":         {[]string{own}, true, false},
		"user before":     {[]string{"12,2,80,-;other\n", own}, true, false},
		"kernel before":   {[]string{"4,2,80,-;WARNING\n", own}, false, false},
		"kernel after":    {[]string{own, "4,4,91,-;WARNING\n"}, true, true},
		"mark is missing": {[]string{"12,2,80,-;other\n"}, false, true},
	} {
		l, add := newRecent(t)
		for _, record := range c.records {
			add(record)
		}
		if got := l.skip(" #5 word", "word"); got != c.alone {
			t.Errorf("%s: alone %v, want %v", name, got, c.alone)
		}
		if got := l.hasNews("word"); got != c.news {
			t.Errorf("%s: news %v, want %v", name, got, c.news)
		}
	}
}

// A mark that the host knows is on the console only if it is the first, or if the kernel has
// logged something before it.
func TestQuietMarks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kmsg")
	if err := os.WriteFile(path, []byte("4,1,1,-;from the boot\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0) // as writes to the kernel log do
	if err != nil {
		t.Fatal(err)
	}
	m := &Marker{log: log, word: "word"}
	defer func() { _ = m.Close() }()
	var told []string
	knows := true
	count := func(verb, name string) {
		t.Helper()
		tell := func(_ uint64, line string) bool { told = append(told, line); return knows }
		if _, err := m.Count(tell, verb, name); err != nil {
			t.Fatal(err)
		}
	}
	count(MarkRun, "A")
	count(MarkEnd, "A")
	if _, err := log.WriteString("4,9,9,-;WARNING\n"); err != nil {
		t.Fatal(err)
	}
	count(MarkRun, "B")
	count(MarkEnd, "B")
	knows = false
	count(MarkRun, "C")
	knows = true
	count(MarkEnd, "C")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var marks []string
	for _, found := range regexp.MustCompile(`<(\d)>kmodtest: \w+ (\w) #(\d)`).FindAllStringSubmatch(string(text), -1) {
		marks = append(marks, strings.Join(found[1:], ""))
	}
	if got, want := strings.Join(marks, " "), "3A1 7A2 3B3 7B4 3C5 3C6"; got != want {
		t.Errorf("levels, names and numbers are %s, want %s", got, want)
	}
	if len(told) != 6 || told[2] != "kmodtest: run B #3 word" {
		t.Errorf("the host was told %q", told)
	}
	if _, err := m.Count(func(uint64, string) bool { t.Error("told of no mark"); return true }, MarkRun, "two\nlines"); err == nil {
		t.Error("a mark has two lines")
	}
}
