package resultfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// keeps passes a file to the rules as if a guest sent it.
func keeps(rules Rules, name string, mode fs.FileMode) (ok bool, err error) {
	sink, ok, err := rules.Create(wire.FileHead{Name: name, Mode: mode})
	if !ok || err != nil {
		return ok, err
	}
	if _, err := sink.Write([]byte("the guest's")); err != nil {
		return true, err
	}
	return true, sink.Commit()
}

func TestKeptFilesGoWhereRulesSay(t *testing.T) {
	t.Parallel()
	repository, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "new")
	rules, err := ParseRules([]string{
		repository + "/testdata/*.golden", repository + "/out", "/var/log/*/x.log:" + elsewhere, "/run/dir:" + elsewhere,
	}, repository)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		repository + "/testdata/a.golden": repository + "/testdata/a.golden",
		repository + "/out/sub/b":         repository + "/out/sub/b",
		"/var/log/app/x.log":              elsewhere + "/app/x.log",
		"run/dir/c":                       elsewhere + "/dir/c",
	} {
		ok, err := keeps(rules, name, 0o755)
		text, readErr := os.ReadFile(want)
		if !ok || err != nil || readErr != nil || string(text) != "the guest's" {
			t.Errorf("%s: %v, %v; %s: %q, %v", name, ok, err, want, text, readErr)
		}
		if info, err := os.Stat(want); err == nil && info.Mode().Perm()&0o111 != 0 {
			t.Errorf("%s is executable", want)
		}
	}
	for _, name := range []string{repository + "/testdata/a.txt", repository + "/go.mod", repository + "/out/../go.mod", "/var/log/x.log", "/etc/passwd"} {
		if ok, err := keeps(rules, name, 0o644); ok {
			t.Errorf("%s was not asked for, but is kept: %v", name, err)
		}
	}
}

func TestGuestWritesNothingElseByRule(t *testing.T) {
	t.Parallel()
	repository, outside := t.TempDir(), t.TempDir()
	for _, dir := range []string{"out/dir", ".git/hooks"} {
		if err := os.MkdirAll(filepath.Join(repository, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{"out/away": outside, "out/hooks": "../.git/hooks", "out/file": filepath.Join(outside, "file")} {
		if err := os.Symlink(target, filepath.Join(repository, link)); err != nil {
			t.Fatal(err)
		}
	}
	rules, err := ParseRules([]string{repository + "/out", repository + "/*.txt"}, repository)
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]fs.FileMode{
		"out/away/x": 0o644, "out/hooks/pre-commit": 0o755, "out/file": 0o644, "out/dir": 0o644, "out/.git/config": 0o644, "out/x/.jj/y": 0o644,
		"out/\x1b[2J": 0o644, "out" + strings.Repeat("/x", wire.MaxLevels+2): 0o644, "out/link": fs.ModeSymlink, "out/new": fs.ModeDir | 0o755,
	} {
		if ok, err := keeps(rules, filepath.Join(repository, name), mode); !ok || err == nil {
			t.Errorf("%q: %v, %v; want an error", name, ok, err)
		}
	}
	for _, dir := range []string{outside, filepath.Join(repository, ".git", "hooks"), filepath.Join(repository, "out", "dir")} {
		if list, err := os.ReadDir(dir); err != nil || len(list) > 0 {
			t.Errorf("%s has %v, %v", dir, list, err)
		}
	}
}

func TestRulesThatLeadOutOfRepositoryAreRefused(t *testing.T) {
	t.Parallel()
	for rule, want := range map[string]string{
		"/etc/passwd":      "name a directory for them: /etc/passwd:DIRECTORY",
		"/repository/x":    "",
		"/repository":      "",
		"/repositor?":      "name a directory",
		"/repo*/x":         "name a directory",
		"/repositoryx/y":   "name a directory",
		"/":                "it names no file",
		"/repository/[":    "syntax error in pattern",
		"/repository/.git": "version control",
		"/x:/a/.git/hooks": "version control",
		"/var/log:/out":    "",
	} {
		_, err := ParseRules([]string{rule}, "/repository")
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", rule, err, want)
		}
	}
	if _, err := ParseRules([]string{"/home/user/x"}, ""); err == nil {
		t.Error("without a repository, a file is kept at its own path")
	}
}
