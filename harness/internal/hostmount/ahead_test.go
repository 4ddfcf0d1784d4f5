package hostmount

import (
	"bytes"
	"maps"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

func TestReadingAheadFollowsOrder(t *testing.T) {
	var a ahead
	for _, step := range []struct {
		file string
		want int
	}{
		{"/d/a", 0},
		{"/d/b", 4},
		{"/d/g", 8},
		{"/d/p", 16},
		{"/d/q", 32},
		{"/d/r", 64},
		{"/d/s", 64},
		{"/e/a", 32},
		{"/f/a", 16},
		{"/f/b", 32},
		{"/f/a", 0},
		{"/f/z", 4},
		{"/g/a", 2},
		{"/h/a", 1},
		{"/i/a", 0},
	} {
		if got := a.next(step.file); got != step.want {
			t.Errorf("%s: %d files, want %d", step.file, got, step.want)
		}
	}
}

// Only files that the kernel knows, with the attributes that it knows, are given to it.
func TestFilesAreGivenToKernelThatKnowsThem(t *testing.T) {
	var asked bytes.Buffer
	client := NewClient(wire.NewWriter(&asked))
	f := newFileSystem(client)
	given := map[uint64]string{}
	f.store = func(id uint64, content []byte) { given[id] = string(content) }
	file := func(name string, size, time int64) wire.HostEntry {
		return wire.HostEntry{Name: name, Mode: unix.S_IFREG | 0o644, Size: size, Time: time}
	}
	known := f.nodes.remember("/d/known", file("known", 5, 1))
	f.nodes.remember("/d/newer", file("newer", 2, 1))
	empty := f.nodes.remember("/d/none", file("none", 0, 1))
	last := f.nodes.remember("/d/z", file("z", 4, 1))

	finish := f.readAhead("/d/a", 8)
	answer := wire.HostAnswer{
		ID:      1,
		Entries: []wire.HostEntry{file("known", 5, 1), file("newer", 2, 2), file("none", 0, 1), file("unknown", 3, 1), file("z", 4, 1)},
		Data:    "known" + "xx" + "abc" + "last",
	}
	var sent bytes.Buffer
	if err := wire.NewWriter(&sent).WriteMessage(wire.HostReply, &answer); err != nil {
		t.Fatal(err)
	}
	rec, err := wire.NewReader(&sent).Read()
	if err != nil {
		t.Fatal(err)
	}
	for len(given) == 0 { // until the request is open
		if err := client.Take(rec); err != nil {
			t.Fatal(err)
		}
		client.mu.Lock()
		taken := client.last == 1 && len(client.open) == 0
		client.mu.Unlock()
		if taken {
			finish()
		}
	}
	if want := map[uint64]string{known: "known", last: "last"}; !maps.Equal(given, want) {
		t.Errorf("got %v, want %v, and nothing for %d", given, want, empty)
	}
	if !strings.Contains(asked.String(), "/d") {
		t.Errorf("asked %q", asked.String())
	}
}
