package kernellog

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

// Each machine's log is written once, and not kept.
func TestKernelLogsAreAppended(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte("of an earlier run"), 0o600); err != nil {
		t.Fatal(err)
	}
	var k Logs
	for _, name := range []string{"TestA", "TestB"} {
		if err := k.append(path, name, func(w io.Writer) error { _, err := io.WriteString(w, "log of "+name+"\n"); return err }); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if want := "kmodtest: TestA\nlog of TestA\nkmodtest: TestB\nlog of TestB\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}
