package request

import "testing"

func TestPatternsOfKeptFilesBecomeAbsolute(t *testing.T) {
	for entry, want := range map[string]string{
		"out":                  "/dir/out",
		"../testdata/*.golden": "/testdata/*.golden",
		"/var/log/*.log:logs":  "/var/log/*.log:/dir/logs",
		"a[:]b:/c":             "/dir/a[:]b:/c",
	} {
		if got := AbsoluteKeep("/dir", entry); got != want {
			t.Errorf("%s: %s, want %s", entry, got, want)
		}
	}
}
