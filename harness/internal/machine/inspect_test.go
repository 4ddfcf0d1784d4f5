package machine

import (
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// inspected inspects a guest that sends records.
func inspected(t *testing.T, send func(out *wire.Writer)) (map[string][]byte, error) {
	t.Helper()
	ours, theirs := net.Pipe()
	m := Connect(t.Context(), ours, nil)
	t.Cleanup(func() { m.Close(); theirs.Close() })
	go func() {
		in := wire.NewReader(theirs)
		for { // as long as there are requests
			rec, err := in.Read()
			if err != nil {
				return
			}
			if rec.Type == wire.Beat {
				go func() {
					out := wire.NewWriter(theirs)
					send(out)
					_ = out.Write(wire.Beat, nil) // the host may have gone
				}()
			}
		}
	}()
	return Inspect(m, "/proc/kallsyms", "/sys/*")
}

// sendFile sends a file with pieces of content.
func sendFile(out *wire.Writer, name string, pieces ...[]byte) {
	_ = out.WriteMessage(wire.File, &wire.FileHead{Name: name, Time: time.Now()})
	for _, piece := range pieces {
		_ = out.Write(wire.Data, piece)
	}
	_ = out.Write(wire.FileEnd, nil)
}

func TestInspectedFilesArrive(t *testing.T) {
	t.Parallel()
	got, err := inspected(t, func(out *wire.Writer) {
		sendFile(out, "/proc/kallsyms", []byte("one"), []byte("two"))
		sendFile(out, "/sys/a")
	})
	if diff := cmp.Diff(map[string][]byte{"/proc/kallsyms": []byte("onetwo"), "/sys/a": nil}, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestInspectedFilesAreLimited(t *testing.T) {
	t.Parallel()
	for name, send := range map[string]func(out *wire.Writer){
		"bytes": func(out *wire.Writer) {
			_ = out.WriteMessage(wire.File, &wire.FileHead{Name: "/proc/kallsyms", Time: time.Now()})
			for range inspectLimits.File>>20 + 1 {
				_ = out.Write(wire.Data, make([]byte, 1<<20))
			}
		},
		"files": func(out *wire.Writer) {
			for i := range inspectLimits.Files + 1 {
				sendFile(out, fmt.Sprintf("/sys/%d", i))
			}
		},
	} {
		var limit *wire.LimitError
		if _, err := inspected(t, send); !errors.As(err, &limit) {
			t.Errorf("%s: %v, want a LimitError", name, err)
		}
	}
}
