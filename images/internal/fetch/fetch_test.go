package fetch

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var content = strings.Repeat("a file. ", 10_000)

var sum = fmt.Sprintf("%x", sha256.Sum256([]byte(content)))

func nothing(float64) {}

// cutting serves content, but cuts the first connections in the middle.
func cutting(t *testing.T, cuts int32, ranges bool) (address string, asked *atomic.Int32) {
	t.Helper()
	asked = new(atomic.Int32)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !ranges {
			r.Header.Del("Range")
		}
		if asked.Add(1) > cuts {
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
			return
		}
		begin := 0
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &begin); err == nil {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", begin, len(content)-1, len(content)))
			w.Header().Set("Content-Length", fmt.Sprint(len(content)-begin))
			w.WriteHeader(http.StatusPartialContent)
		} else {
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		}
		_, _ = w.Write([]byte(content[begin : begin+10_000]))
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

func TestCutTransferGoesOn(t *testing.T) {
	for _, ranges := range []bool{true, false} {
		address, asked := cutting(t, 2, ranges)
		path := filepath.Join(t.TempDir(), "file")
		if err := (File{URL: address, SHA256: sum, Most: 1 << 20}).To(t.Context(), path, nothing); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); string(got) != content || err != nil {
			t.Errorf("ranges %t: got %d bytes, %v", ranges, len(got), err)
		}
		if n := asked.Load(); n != 3 {
			t.Errorf("ranges %t: the server was asked %d times, want 3", ranges, n)
		}
	}
}

func TestFailedTransferLeavesNothing(t *testing.T) {
	whole, _ := cutting(t, 0, true)
	cut, _ := cutting(t, 1000, true)
	missing := httptest.NewServer(http.NotFoundHandler())
	defer missing.Close()
	for _, c := range []struct {
		file File
		want string
	}{
		{File{URL: whole, SHA256: strings.Repeat("0", 64), Most: 1 << 20}, "want 0000"},
		{File{URL: whole, SHA256: sum, Most: 100}, "is larger than 100 bytes"},
		{File{URL: cut, SHA256: sum, Most: 1 << 20}, "unexpected EOF; try again"},
		{File{URL: missing.URL, SHA256: sum, Most: 1 << 20}, "404 Not Found"},
	} {
		dir := t.TempDir()
		err := c.file.To(t.Context(), filepath.Join(dir, "file"), nothing)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q in it", err, c.want)
		}
		if left, err := os.ReadDir(dir); len(left) > 0 || err != nil {
			t.Errorf("%s: %v was left, %v", c.want, left, err)
		}
	}
}

// silent starts a server that sends the start of a file and then nothing. asked gets a value at each request.
func silent(t *testing.T) (address string, asked <-chan struct{}) {
	t.Helper()
	begun := make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		_, _ = w.Write([]byte("a beginning"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close) // waits until the clients have disconnected
	return server.URL, begun
}

func TestServerThatStallsIsGivenUp(t *testing.T) {
	address, _ := silent(t)
	err := File{URL: address, Most: 1 << 20, Stall: 100 * time.Millisecond}.To(t.Context(), filepath.Join(t.TempDir(), "file"), nothing)
	if want := address + ": the server sent nothing for 100ms"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

// TestInterruptedTransferIsCanceled cancels with a cause, like signal.NotifyContext.
func TestInterruptedTransferIsCanceled(t *testing.T) {
	address, asked := silent(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-asked
		cancel(errors.New("a signal"))
	}()
	err := File{URL: address, Most: 1 << 20, Stall: time.Hour}.To(ctx, filepath.Join(t.TempDir(), "file"), nothing)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
