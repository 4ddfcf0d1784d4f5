package modindex

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
	"github.com/kmodtest/kmodtest/images"
)

// smallIndex returns the index of a kernel with one module, m, whose file has a size.
func smallIndex(t *testing.T, size int) *Index {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"modules.dep": "m.ko:\n", "modules.builtin": "", "m.ko": strings.Repeat("x", size)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return New(&images.Kernel{Modules: dir}, nil)
}

// requestRecord returns a guest's request.
func requestRecord(t *testing.T, r wire.ModuleRequest) wire.Record {
	t.Helper()
	var b bytes.Buffer
	if err := wire.NewWriter(&b).WriteMessage(wire.Modprobe, &r); err != nil {
		t.Fatal(err)
	}
	rec, err := wire.NewReader(&b).Read()
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// answers reads records from the host up to the end of n answers, and describes them.
func answers(t *testing.T, in io.Reader, n int) string {
	t.Helper()
	var words []string
	for records := wire.NewReader(in); n > 0; {
		rec, err := records.Read()
		if err != nil {
			t.Fatal(err)
		}
		switch rec.Type {
		case wire.ModuleFile:
			var head wire.ModuleHead
			err = rec.Decode(&head)
			words = append(words, fmt.Sprintf("%d %s %d", head.ID, head.Name, head.Size))
		case wire.ModuleData:
			words = append(words, fmt.Sprint("data ", len(rec.Payload)))
		case wire.ModuleEnd:
			var result wire.ModuleResult
			err = rec.Decode(&result)
			words = append(words, fmt.Sprintf("end %d %d %s", result.ID, result.Found, result.Error))
			n--
		default:
			t.Fatalf("unexpected %v record", rec.Type)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return strings.Join(words, "; ")
}

func TestModulesAreSentInOrder(t *testing.T) {
	t.Parallel()
	ours, theirs := net.Pipe()
	defer theirs.Close()
	s := &Server{Index: smallIndex(t, 5), Out: wire.NewWriter(ours)}
	for i, r := range []wire.ModuleRequest{{Name: "m"}, {Name: "m", NamesOnly: true}, {Name: "m", Loaded: []string{"m"}}, {Name: "absent", ByKernel: true}} {
		r.ID = int64(i)
		if _, err := s.Take(requestRecord(t, r), t.Context().Done()); err != nil {
			t.Fatal(err)
		}
	}
	want := "0 m 5; data 5; end 0 0 ; 1 m -1; end 1 0 ; end 2 0 ; end 3 2 "
	if got := answers(t, theirs, 4); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := s.missed; len(got) != 1 || got[0] != "absent" {
		t.Errorf("missed %q", got)
	}
}

// A guest that asks and does not read the answers, or asks without end, gets an end.
func TestRequestsForModulesAreLimited(t *testing.T) {
	t.Parallel()
	ours, theirs := net.Pipe()
	defer theirs.Close()
	s := &Server{Index: smallIndex(t, 5), Out: wire.NewWriter(ours)}
	var err error
	n := 0
	for ; err == nil && n < 1000; n++ {
		_, err = s.Take(requestRecord(t, wire.ModuleRequest{ID: int64(n), Name: "m"}), t.Context().Done())
	}
	var garbled *wire.GarbledError
	if !errors.As(err, &garbled) || n < maxRequests || n > maxRequests+3 {
		t.Errorf("request %d: %v", n, err)
	}

	ours, theirs = net.Pipe()
	defer theirs.Close()
	s = &Server{Index: smallIndex(t, 5), Out: wire.NewWriter(ours)}
	s.asked = maxFinds
	if _, err := s.Take(requestRecord(t, wire.ModuleRequest{ID: 7, Name: "m"}), t.Context().Done()); err != nil {
		t.Fatal(err)
	}
	if got := answers(t, theirs, 1); got != "end 7 3 more than 100000 modules were requested in one machine" {
		t.Errorf("after the last look-up: %s", got)
	}
}

func TestBytesOfModulesAreLimited(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	s := Server{Index: smallIndex(t, 5), Out: wire.NewWriter(&b)}
	files, _, err := s.Index.Find("m", func(string) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	sent := int64(maxBytes - 5)
	for range 2 {
		if err := s.send(answer{files: files}, &sent); err != nil {
			t.Fatal(err)
		}
	}
	if got := answers(t, &b, 2); got != "0 m 5; data 5; end 0 0 ; end 0 3 more than 4294967296 bytes of modules were requested in one machine" {
		t.Error(got)
	}
}

func TestMissesAreToldOnce(t *testing.T) {
	t.Parallel()
	var s Server
	for _, c := range []struct{ name, want string }{
		{"rtnl-link-x", "rtnl-link-x"}, {"rtnl-link-x", ""}, {"netdev-eth7", ""}, {"eth7", ""}, {"eth8", "eth8"},
	} {
		if got := s.miss(c.name); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	for i := range 2 * maxMissed {
		s.miss(fmt.Sprint("name", i))
	}
	if len(s.missed) != maxMissed {
		t.Errorf("%d names are remembered, want %d", len(s.missed), maxMissed)
	}
}
