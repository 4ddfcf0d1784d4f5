// Package inside tells whether this process runs in a guest, and names what
// PID 1 and a test binary agree on there. It is linked into every test binary,
// so it imports next to nothing.
package inside

import "os"

// GuestFile exists in every guest and nowhere else.
const GuestFile = "/run/kmodtest/guest"

// ResultVariable is the environment variable with the path of the file into
// which a test binary that came to its regular end writes its exit code.
const ResultVariable = "KMODTEST_RESULT"

// TakenFile is the descriptor, in a test binary, of an eventfd to which PID 1 adds
// whenever it has taken something out of the pipe that is standard output.
const TakenFile = 3

// FreshVariable is the environment variable that names the test for which a
// machine was made. It is empty where tests share one.
const FreshVariable = "KMODTEST_FRESH_TEST"

// FreshPipe is the FIFO in a guest through which a test asks for a machine of
// its own, in a line: the path of a FIFO of its own for the answer, the test's
// name and GOMAXPROCS, separated by spaces. The answer is FreshPassed or another
// word.
const FreshPipe = "/run/kmodtest/fresh"

// FreshPassed is the answer after a test that passed.
const FreshPassed = "passed"

// Allowed are the patterns of Config.Allow, for helpers in this process. Main sets
// it, before any test runs.
var Allowed []string

// Guest tells whether this process runs in a guest.
func Guest() bool {
	_, err := os.Stat(GuestFile)
	return err == nil
}
