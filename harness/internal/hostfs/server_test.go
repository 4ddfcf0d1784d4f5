package hostfs

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// record returns the record of a request.
func record(t *testing.T, r wire.HostRequest) wire.Record {
	t.Helper()
	var b bytes.Buffer
	if err := wire.NewWriter(&b).WriteMessage(wire.HostAsk, &r); err != nil {
		t.Fatal(err)
	}
	rec, err := wire.NewReader(&b).Read()
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func TestServerAnswersInOrder(t *testing.T) {
	tree, repo := repositoryOf(t)
	in, out := io.Pipe()
	s := Server{Tree: tree, Out: wire.NewWriter(out)}
	done := make(chan struct{})
	defer close(done)
	for _, r := range []wire.HostRequest{
		{ID: 1, Op: wire.HostRead, Path: repo + "/a", Offset: 2, Size: 3},
		{ID: 2, Op: wire.HostStat, Path: "/etc/passwd"},
		{ID: 3, Op: wire.HostList, Path: repo + "/sub"},
	} {
		if err := s.Take(record(t, r), done); err != nil {
			t.Fatal(err)
		}
	}
	reader := wire.NewReader(in)
	for id, check := range []func(a wire.HostAnswer) bool{
		1: func(a wire.HostAnswer) bool { return a.Errno == 0 && a.Data == "234" },
		2: func(a wire.HostAnswer) bool { return a.Errno == int(unix.ENOENT) && len(a.Entries) == 0 },
		3: func(a wire.HostAnswer) bool { return len(a.Entries) == 1 && a.Entries[0].Name == "b" && !a.More },
	} {
		if check == nil {
			continue
		}
		rec, err := reader.Read()
		var a wire.HostAnswer
		if err == nil {
			err = rec.Decode(&a)
		}
		if err != nil || a.ID != int64(id) || !check(a) {
			t.Errorf("answer %d: %+v, %v", id, a, err)
		}
	}
	if err := s.Settle(func() error { return nil }); err != nil {
		t.Error(err)
	}
}

// A guest that does not read its answers cannot make the host keep many requests.
func TestRequestsForFilesAreLimited(t *testing.T) {
	tree, repo := repositoryOf(t)
	_, out := io.Pipe() // nobody reads it
	s := Server{Tree: tree, Out: wire.NewWriter(out)}
	done := make(chan struct{})
	defer close(done)
	var err error
	n := 0
	for ; err == nil && n < 10*maxOpen; n++ {
		err = s.Take(record(t, wire.HostRequest{ID: int64(n), Op: wire.HostRead, Path: repo + "/a", Size: wire.MaxPiece}), done)
	}
	var garbled *wire.GarbledError
	if !errors.As(err, &garbled) || n > maxOpen+2 {
		t.Errorf("%v after %d requests, want an error after %d", err, n, maxOpen)
	}
}

func TestServerWithoutFilesShowsNothing(t *testing.T) {
	for _, name := range []string{"/", "/etc", "/etc/passwd"} {
		for op := wire.HostStat; op <= wire.HostSeries; op++ {
			if a := (Tree{}).Answer(wire.HostRequest{Op: op, Path: name, Size: 1}); a.Errno != int(unix.ENOENT) {
				t.Errorf("operation %d of %s: %+v", op, name, a)
			}
		}
	}
}
