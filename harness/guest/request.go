package guest

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

// maxRequest is the longest request in bytes: longer writes to a pipe are not atomic
// (PIPE_BUF).
const maxRequest = 4096

// ask requests something of the host, and waits for the answer: yes or no, and a text.
// An error means that the host has not answered the request.
func ask(tb testing.TB, verb string, args ...string) (yes bool, text string, err error) {
	tb.Helper()
	dir, err := os.MkdirTemp("", "request") //nolint:usetesting // tb.TempDir is not available at cleanup
	if err != nil {
		return false, "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "answer")
	words := append([]string{path, verb}, args...)
	request := strings.Join(words, " ") + "\n"
	if len(request) > maxRequest || len(strings.Fields(request)) != len(words) {
		return false, "", fmt.Errorf("the request %q is not valid", request)
	}
	if err := unix.Mkfifo(path, 0o600); err != nil {
		return false, "", fmt.Errorf("make %s: %w", path, err)
	}
	// It is also open for writing, so that neither side finds the other end closed.
	answer, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false, "", err
	}
	defer answer.Close()
	pipe, err := os.OpenFile(inside.RequestPipe, os.O_WRONLY, 0)
	if err != nil {
		return false, "", err
	}
	defer pipe.Close()
	if _, err := pipe.WriteString(request); err != nil {
		return false, "", err
	}
	line, err := bufio.NewReader(answer).ReadString('\n')
	if err != nil {
		return false, "", err
	}
	line = strings.TrimSuffix(line, "\n")
	if text, yes = strings.CutPrefix(line, inside.AnswerYes); yes {
		return true, text, nil
	}
	if text, no := strings.CutPrefix(line, inside.AnswerNo); no {
		return false, text, nil
	}
	return false, "", fmt.Errorf("the guest %s", line)
}
