package mountspace

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestOnlyCommandSeesMount mounts a file system over a directory with a file.
func TestOnlyCommandSeesMount(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// The command waits while the mount is there.
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `test ! -e "$1" && echo hidden && read line; exit 7`, "sh", file)
	Enter(cmd, `mount -t tmpfs kmodtest "$1" && shift && exec "$@"`, dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "hidden\n" {
		t.Errorf("the command says %q, %v", line, err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("this process sees the mount: %v", err)
	}
	_ = in.Close() // the command ends
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 7 {
		t.Errorf("got %v, want exit status 7", err)
	}
}
