package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const oops = "[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000008\n" +
	"[    1.000001] RIP: 0010:broken+0x5/0x10 [mod]\n[    1.000002] ---[ end trace 0000000000000000 ]---\n"

// logFile writes a log and returns its path.
func logFile(t *testing.T, text string) string {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTriageNamesFaults(t *testing.T) {
	stdout, stderr, status := run(t, "triage", logFile(t, "[    0.500000] healthy\n"+oops))
	want := "null-dereference: BUG: kernel NULL pointer dereference in broken [mod] (line 2)\n    broken+0x5/0x10 [mod]\n\n" + oops
	if stdout != want || stderr != "kmodtest: the kernel reported a fault\n" || status != 255 {
		t.Errorf("exit status %d, on stderr %q, got\n%s\nwant\n%s", status, stderr, stdout, want)
	}
}

func TestTriageWritesJSON(t *testing.T) {
	stdout, _, status := run(t, "triage", "--json", logFile(t, oops))
	var got []struct {
		Kind, Title, Report string
		Line                int
		Frames              []struct{ Function, Module string }
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || status != 255 {
		t.Fatalf("exit status %d, %v:\n%s", status, err, stdout)
	}
	if len(got) != 1 || got[0].Kind != "null-dereference" || got[0].Line != 1 || got[0].Report != strings.TrimSpace(oops) {
		t.Fatalf("got %+v", got)
	}
	if f := got[0].Frames; len(f) != 1 || f[0].Function != "broken" || f[0].Module != "mod" {
		t.Errorf("frames %+v", f)
	}
}

func TestTriageOfHealthyLogFindsNothing(t *testing.T) {
	path := logFile(t, "[    0.500000] healthy\n")
	for flag, want := range map[string]string{"--json=true": "[]\n", "--json=false": ""} {
		if stdout, stderr, status := run(t, "triage", flag, path); stdout != want || stderr != "" || status != 0 {
			t.Errorf("%s: exit status %d, got %q, on stderr %q; want %q", flag, status, stdout, stderr, want)
		}
	}
}

func TestTriageNamesInputThatItCannotRead(t *testing.T) {
	log := logFile(t, oops)
	for _, args := range [][]string{{log + ".missing"}, {"--module", log, log}, {"--vmlinux", log + ".missing", log}} {
		stdout, stderr, status := run(t, append([]string{"triage"}, args...)...)
		if status != 69 || stdout != "" || !strings.HasPrefix(stderr, "kmodtest: read ") {
			t.Errorf("%v: exit status %d, got %q, on stderr %q; want 69", args, status, stdout, stderr)
		}
	}
}
