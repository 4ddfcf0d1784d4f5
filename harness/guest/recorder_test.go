package guest_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// A recorder is a testing.TB that records its failures, so that a test can check how a
// helper fails.
type recorder struct {
	testing.TB
	failures []string
	cleanups []func()
}

func (r *recorder) Helper()          {}
func (r *recorder) Failed() bool     { return len(r.failures) > 0 }
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}
func (r *recorder) FailNow() { runtime.Goexit() }

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	r.FailNow()
}

func (r *recorder) Fatal(args ...any) {
	r.Fatalf("%s", fmt.Sprint(args...))
}

// cleanUp calls the cleanup functions, as at the end of a test.
func (r *recorder) cleanUp() {
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
	r.cleanups = nil
}

// record runs body as if it were a test, and returns its failures.
func record(t *testing.T, body func(tb testing.TB)) []string {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer r.cleanUp()
		body(r)
	}()
	<-done
	return r.failures
}

// wantFailure checks that body fails once, with want in the message.
func wantFailure(t *testing.T, want string, body func(tb testing.TB)) {
	t.Helper()
	got := record(t, body)
	if len(got) != 1 || !strings.Contains(got[0], want) {
		t.Fatalf("failures: got %q, want one with %q in it", got, want)
	}
}
