package printable

import "testing"

func TestTextCannotControlATerminal(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain\ttext\nä €":       "plain\ttext\nä €",
		"\x1b]0;title\x07":       `\x1b]0;title\x07`,
		"a\rb\x00\x7f":           `a\x0db\x00\x7f`,
		"\u009b31m":              `\xc2\x9b31m`,
		"\xff\xfe":               `\xff\xfe`,
		"\u202egnp.exe":          `\xe2\x80\xaegnp.exe`,
		"replacement \ufffd too": "replacement \ufffd too",
		"":                       "",
	} {
		got := Text(text)
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		if again := Text(got); again != got {
			t.Errorf("%q: a second time makes %q", got, again)
		}
	}
}
