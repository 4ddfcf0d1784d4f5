package buildroot

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// put copies a file, following links, or writes one with content.
func put(t *testing.T, path, from, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	source := io.Reader(strings.NewReader(content))
	if from != "" {
		file, err := os.Open(from)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		source = file
	}
	target, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	if _, err := io.Copy(target, source); err != nil {
		t.Fatal(err)
	}
}

// smallRoot returns a root with the host's sh and make, and the libraries that they need.
func smallRoot(t *testing.T) Root {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"sh", "make"} {
		program, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		// Programs are in bin and in usr/bin, as in suites before usr was merged.
		put(t, filepath.Join(dir, map[string]string{"sh": "bin", "make": "usr/bin"}[name], name), program, "")
		libraries, err := exec.CommandContext(t.Context(), "ldd", program).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, library := range regexp.MustCompile(`/lib\S+`).FindAllString(string(libraries), -1) {
			put(t, filepath.Join(dir, library), library, "")
		}
	}
	put(t, filepath.Join(dir, "usr/share/marker"), "", "of the root\n")
	if err := Finish(dir); err != nil {
		t.Fatal(err)
	}
	return Root{Dir: dir, Name: "a test"}
}

func TestProgramsRunInRoot(t *testing.T) {
	root := smallRoot(t)
	if err := root.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	put(t, filepath.Join(dir, "Makefile"), "", "all:\n\t@read line < /usr/share/marker; echo \"$$line, $(NAME)\" > result; ! test -e /usr/bin/env\n")
	cmd := exec.CommandContext(t.Context(), "make", "NAME=two words")
	cmd.Dir = dir
	root.Wrap(cmd)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "result")); string(got) != "of the root, two words\n" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if list, err := os.ReadDir(filepath.Join(root.Dir, mountPoint)); len(list) > 0 || err != nil {
		t.Errorf("the root was changed: %v, %v", list, err)
	}
}

func TestExitStatusIsThatOfTheProgram(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "exit 7")
	smallRoot(t).Wrap(cmd)
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 7 {
		t.Errorf("got %v, want exit status 7", err)
	}
}

func TestHostIsLeftAlone(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "true")
	before := cmd.String()
	Root{}.Wrap(cmd)
	if err := (Root{}).Check(t.Context()); err != nil || cmd.String() != before {
		t.Errorf("got %s, %v", cmd, err)
	}
}

func TestRootWithoutProgramsIsRefused(t *testing.T) {
	if err := Finish(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no program") {
		t.Errorf("got %v", err)
	}
}

func TestProblemsOfRootsAreNamed(t *testing.T) {
	if err := (Root{Dir: "/usr/cache/root", Name: "it"}).Check(t.Context()); err == nil || !strings.Contains(err.Error(), "set XDG_CACHE_HOME") {
		t.Errorf("a root in /usr: got %v", err)
	}
	broken := smallRoot(t)
	if err := os.Remove(filepath.Join(broken.Dir, "usr/bin/make")); err != nil {
		t.Fatal(err)
	}
	if err := broken.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "is damaged: make does not run in it") {
		t.Errorf("a root without make: got %v", err)
	}
}
