// Package inside reports whether this process runs in a guest, and defines what
// PID 1 and a test binary agree on there. It is linked into every test binary, so
// it imports little.
//
// PID 1 trusts the host. It does not trust the test binary more than necessary, but
// tests run as root and can do anything to the guest: a test can forge each file,
// variable and mark that is named here, its own result included, if it sets out to.
// The protocol protects against accidents only: a stray os.Exit, a test that writes
// to a wrong file, output that looks like ours. The host, which runs no code of the
// tests, therefore also compares the result with the events of the tests.
package inside

import "os"

// GuestFile is a file that exists in every guest, and only there.
const GuestFile = "/run/kmodtest/guest"

// ResultFile is the file descriptor, in a test binary, of a pipe into which harness.Main
// writes the Result of the tests at its regular end. PID 1 compares it with the exit
// status. A path would lead elsewhere after a test has changed the root directory or the
// user.
const ResultFile = 5

// ResultVariable is the environment variable with the word of the Result, a random
// one for each job. Main removes it before any test runs, so neither a test nor a
// child process writes a valid Result by accident. A test that wants to forge one
// finds the word in /proc/self/environ.
const ResultVariable = "KMODTEST_RESULT"

// Descriptor is the lowest number, in a test binary, of the files that it has from PID 1 and
// keeps open: other files of a test are unlikely to get it, and it is below the usual limit of
// 1,024 files.
const Descriptor = 1000

// TakenFile is the file descriptor, in a test binary, of an eventfd. PID 1 adds to
// it whenever it has removed data from the pipe that is standard output.
const TakenFile = 3

// FreshVariable is the environment variable with the name of the test for which a
// fresh machine runs. It is empty if tests share the machine.
const FreshVariable = "KMODTEST_FRESH_TEST"

// TogetherVariable is the environment variable with the index of the machine, and the
// number of machines, if several run the test together. It is empty otherwise.
const TogetherVariable = "KMODTEST_TOGETHER"

// RequestPipe is the FIFO in a guest through which a test requests something of the
// host, such as a fresh machine or a device. A request is one write of one line of at most
// 4096 bytes (PIPE_BUF), with words that are separated by spaces: the path of a FIFO
// for the answer, a verb and its arguments, see package wire. The answer is a line:
// AnswerYes or AnswerNo and a text, or AnswerRefused and the reason why the request
// has not reached the host.
const RequestPipe = "/run/kmodtest/request"

// The beginnings of answers to requests.
const (
	AnswerYes     = "yes: "
	AnswerNo      = "no: "
	AnswerRefused = "refused: "
)

// EventMarker is the byte, SYN, in front of each line of a test binary's standard
// output that package events writes.
const EventMarker = "\x16"

// Allowed are the patterns of Config.Allow, for the helpers in this process. Main
// sets it before any test runs; it does not change afterwards.
var Allowed []string

// Guest reports whether this process runs in a guest.
func Guest() bool {
	_, err := os.Stat(GuestFile)
	return err == nil
}
