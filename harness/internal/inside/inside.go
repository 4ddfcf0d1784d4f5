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

// Guest tells whether this process runs in a guest.
func Guest() bool {
	_, err := os.Stat(GuestFile)
	return err == nil
}
