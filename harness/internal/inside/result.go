package inside

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Result returns what comes through ResultFile after the tests have ended with the exit
// code code.
func Result(word string, code int) string { return word + " " + strconv.Itoa(code) + "\n" }

// Reporter reports the Result of the tests of this process.
type Reporter struct {
	word string
	file int
}

// NewReporter takes over ResultFile, for a Result with a word. Tests, and the programs that
// they start, do not find it at its number.
func NewReporter(word string) (*Reporter, error) {
	fd, err := unix.FcntlInt(ResultFile, unix.F_DUPFD_CLOEXEC, Descriptor)
	if err != nil {
		return nil, &os.PathError{Op: "duplicate", Path: "result", Err: err}
	}
	_ = unix.Close(ResultFile)
	return &Reporter{word, fd}, nil
}

// Report reports the exit code of the tests.
func (r *Reporter) Report(code int) error {
	if _, err := unix.Write(r.file, []byte(Result(r.word, code))); err != nil {
		return fmt.Errorf("tell PID 1: %w", err)
	}
	return nil
}
