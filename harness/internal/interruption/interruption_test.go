package interruption

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/verdict"
)

func TestInterruptedRunEndsAnyway(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cause error
		done  bool
		want  int
	}{
		"it hangs":        {&verdict.InterruptError{Signal: syscall.SIGINT}, false, 130},
		"it ends":         {&verdict.InterruptError{Signal: syscall.SIGINT}, true, 0},
		"not interrupted": {errors.New("another reason"), false, 0},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(c.cause)
		done := make(chan struct{})
		limit := 10 * time.Millisecond
		if c.done {
			close(done)
			limit = time.Minute
		}
		got := 0
		EndAnyway(ctx, done, limit, func(status int) { got = status })
		if got != c.want {
			t.Errorf("%s: it ends with status %d, want %d", name, got, c.want)
		}
	}
}
