package pid1

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// asker is a test that waits for the answer to its request.
type asker struct {
	path string
	fifo *os.File
}

func newAsker(t *testing.T, name string) asker {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	fifo, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fifo.Close() })
	return asker{path, fifo}
}

// answer returns the bytes that have been written to the FIFO.
func (a asker) answer(t *testing.T) string {
	t.Helper()
	var text [4096]byte
	n, err := unix.Read(int(a.fifo.Fd()), text[:])
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		t.Fatal(err)
	}
	return string(text[:max(n, 0)])
}

// sent returns the requests in records to the host.
func sent(t *testing.T, records io.Reader) (all []wire.Request) {
	t.Helper()
	for in := wire.NewReader(records); ; {
		rec, err := in.Read()
		if errors.Is(err, io.EOF) {
			return all
		}
		var request wire.Request
		if err == nil {
			err = rec.Decode(&request)
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, request)
	}
}

// result returns the host's answer.
func result(t *testing.T, id string, passed bool) wire.Record {
	t.Helper()
	var buf bytes.Buffer
	if err := wire.NewWriter(&buf).WriteMessage(wire.Reply, &wire.Answer{ID: id, OK: passed, Text: "text"}); err != nil {
		t.Fatal(err)
	}
	rec, err := wire.NewReader(&buf).Read()
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func TestRequestsAreRelayedAndAnswered(t *testing.T) {
	passes, fails := newAsker(t, "a"), newAsker(t, "b")
	var channel bytes.Buffer
	f := newRequests(wire.NewWriter(&channel))
	f.relay(strings.NewReader(fmt.Sprintf("%s fresh TestA 2\n%s disk 512 -\n", passes.path, fails.path)))
	want := []wire.Request{
		{ID: passes.path, Verb: wire.VerbFresh, Args: []string{"TestA", "2"}}, {ID: fails.path, Verb: wire.VerbDisk, Args: []string{"512", "-"}},
	}
	if got := sent(t, &channel); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("requests %v, want %v", got, want)
	}
	for asker, passed := range map[asker]bool{passes: true, fails: false} {
		if err := f.finish(result(t, asker.path, passed)); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := passes.answer(t), fails.answer(t); a != "yes: text\n" || b != "no: text\n" {
		t.Errorf("answers %q and %q", a, b)
	}
	if err := f.finish(result(t, passes.path, true)); err == nil {
		t.Error("a second answer to a request: no error")
	}
}

func TestInvalidRequestsDoNotReachHost(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fifo := newAsker(t, "a")
	link := filepath.Join(dir, "link")
	if err := os.Symlink(fifo.path, link); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ line, answer string }{
		"nothing":           {"", ""},
		"no verb":           {fifo.path, ""},
		"another verb":      {fifo.path + " TestA 1", `refused: there is no request "TestA"`},
		"too few words":     {fifo.path + " fresh TestA", "refused: "},
		"too many words":    {fifo.path + " fresh TestA 1 1", "refused: "},
		"no FIFO":           {plain + " fresh TestA 1", ""},
		"link":              {link + " fresh TestA 1", ""},
		"absent":            {dir + "/absent fresh TestA 1", ""},
		"device":            {"/dev/null fresh TestA 1", ""},
		"too long":          {fifo.path + " fresh Test" + strings.Repeat("A", wire.MaxRequest) + " 1", ""},
		"no test":           {fifo.path + " fresh BenchmarkA 1", "refused: "},
		"subtest":           {fifo.path + " fresh TestA/b 1", "refused: "},
		"control character": {fifo.path + " fresh TestA\x1b[2J 1", `refused: "TestA\x1b[2J" is not a valid test name`},
		"no number":         {fifo.path + " fresh TestA x", "refused: "},
		"no processor":      {fifo.path + " fresh TestA 0", "refused: "},
		"large disk":        {fifo.path + " disk 4294967808 -", "refused: size of a disk"},
	} {
		var channel bytes.Buffer
		f := newRequests(wire.NewWriter(&channel))
		f.relay(strings.NewReader(c.line + "\n"))
		got := fifo.answer(t)
		if channel.Len() > 0 || !strings.HasPrefix(got, c.answer) || (got == "") != (c.answer == "") {
			t.Errorf("%s: sent %d bytes, answer %q, want %q", name, channel.Len(), got, c.answer)
		}
		f.relay(strings.NewReader(c.line + "\n" + fifo.path + " fresh TestA 1\n"))
		if n := len(sent(t, &channel)); n != 1 {
			t.Errorf("%s: %d requests were relayed after it, want 1", name, n)
		}
		fifo.answer(t)
	}
}

func TestFreshRequestInFreshMachineIsRefused(t *testing.T) {
	a := newAsker(t, "a")
	for _, c := range []struct {
		env     []string
		refused bool
	}{
		{[]string{"A=b", inside.FreshVariable + "=TestA"}, true},
		{[]string{inside.FreshVariable + "="}, false},
		{[]string{inside.FreshVariable + "=", inside.FreshVariable + "=TestA"}, false}, // as os.Getenv reads it
		{nil, false},
	} {
		var channel bytes.Buffer
		f := newRequests(wire.NewWriter(&channel))
		f.prepare(wire.Work{Env: c.env})
		f.relay(strings.NewReader(a.path + " fresh TestA 1\n"))
		got := a.answer(t)
		if c.refused != (got == "refused: this machine is already a fresh one, for TestA\n") || c.refused != (channel.Len() == 0) {
			t.Errorf("%q: sent %d bytes, answer %q; want a refusal: %v", c.env, channel.Len(), got, c.refused)
		}
	}
}

func TestRequestsWaitWhenManyAreOpen(t *testing.T) {
	var lines strings.Builder
	var askers []asker
	for i := range maxOpen + 1 {
		askers = append(askers, newAsker(t, fmt.Sprint(i)))
		fmt.Fprintf(&lines, "%s fresh TestA 1\n", askers[i].path)
	}
	r, w := io.Pipe()
	t.Cleanup(func() { _ = r.Close() })
	f := newRequests(wire.NewWriter(w))
	ended := make(chan struct{})
	go func() { f.relay(strings.NewReader(lines.String())); w.Close(); close(ended) }()
	in := wire.NewReader(r)
	for range maxOpen {
		if _, err := in.Read(); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-ended:
		t.Fatal("the last request did not wait")
	default:
	}
	if n := len(f.slots); n != maxOpen {
		t.Fatalf("%d requests are open, want %d", n, maxOpen)
	}
	if err := f.finish(result(t, askers[0].path, true)); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Read(); err != nil {
		t.Fatalf("the last request: %v", err)
	}
	<-ended
}
