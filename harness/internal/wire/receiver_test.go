package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// memory keeps files by their names, as a Receiver's Create.
type memory struct {
	files    map[string]string // committed
	begun    int
	ended    int // by Commit or Discard
	received int // bytes
	longest  int // bytes in one file
	commits  int
}

func (m *memory) create(head FileHead) (Sink, error) {
	if !head.Mode.IsRegular() {
		m.files[head.Name] = head.Link
		return nil, nil
	}
	m.begun++
	return &memoryFile{m: m, name: head.Name}, nil
}

type memoryFile struct {
	bytes.Buffer
	m     *memory
	name  string
	ended bool
}

func (f *memoryFile) Write(p []byte) (int, error) {
	f.m.received += len(p)
	f.m.longest = max(f.m.longest, f.Len()+len(p))
	return f.Buffer.Write(p)
}

func (f *memoryFile) Commit() error {
	f.end()
	f.m.commits++
	f.m.files[f.name] = f.String()
	return nil
}

func (f *memoryFile) Discard() { f.end() }

func (f *memoryFile) end() {
	if f.ended {
		panic("the file ends twice")
	}
	f.ended = true
	f.m.ended++
}

func newMemory() *memory { return &memory{files: map[string]string{}} }

// file returns a File record of a regular file.
func file(name string) Record {
	return Record{Type: File, Payload: payload(name, 0o644, 0, "")}
}

// takeAll passes records to r and returns the error of the last one. An error of
// another fails the test.
func takeAll(t *testing.T, r *Receiver, records ...Record) error {
	t.Helper()
	for i, rec := range records {
		err := r.Take(rec)
		if i == len(records)-1 {
			return err
		}
		if err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
	}
	return nil
}

func TestReceiverRefusesRecordsOutOfOrder(t *testing.T) {
	data, end := Record{Type: Data, Payload: []byte("x")}, Record{Type: FileEnd}
	for name, c := range map[string]struct {
		records []Record
		want    string
	}{
		"data before a file":     {[]Record{data}, "data record out of order"},
		"end before a file":      {[]Record{end}, "file end record out of order"},
		"data behind the end":    {[]Record{file("/a"), end, data}, "data record out of order"},
		"two ends":               {[]Record{file("/a"), end, end}, "file end record out of order"},
		"two files":              {[]Record{file("/a"), data, file("/b")}, `"/a": another file begins before its end`},
		"data of a directory":    {[]Record{{Type: File, Payload: payload("/d", int(fs.ModeDir), 0, "")}, data}, "data record out of order"},
		"invalid name":           {[]Record{file("/a\x00")}, "not a valid path"},
		"another type of record": {[]Record{{Type: Stdout}}, "stdout record out of order"},
	} {
		m := newMemory()
		wantGarbled(t, takeAll(t, &Receiver{Create: m.create}, c.records...), c.want)
		if m.begun != m.ended {
			t.Errorf("%s: %d files began and %d ended", name, m.begun, m.ended)
		}
	}
}

func TestReceiverExpectsNoFileWithoutCreate(t *testing.T) {
	for _, rec := range []Record{file("/a"), {Type: Data}, {Type: FileEnd}} {
		wantGarbled(t, new(Receiver).Take(rec), "no file is expected")
	}
}

func TestReceiverLimitsFiles(t *testing.T) {
	data, end := Record{Type: Data, Payload: make([]byte, 10)}, Record{Type: FileEnd}
	for _, c := range []struct {
		limits  Limits
		records []Record
		want    string
	}{
		{Limits{File: 15}, []Record{file("/a"), data, data}, `receive "/a" exceeds the limit of 15 bytes in one file`},
		{Limits{Total: 25}, []Record{file("/a"), data, end, file("/b"), data, data}, `receive "/b" exceeds the limit of 25 bytes in all files`},
		{Limits{Files: 1}, []Record{file("/a"), end, file("/b")}, `receive "/b" exceeds the limit of 1 files`},
	} {
		m := newMemory()
		err := takeAll(t, &Receiver{Create: m.create, Limits: c.limits}, c.records...)
		var limit *LimitError
		if !errors.As(err, &limit) || err.Error() != c.want {
			t.Errorf("error %v, want %s", err, c.want)
		}
		if m.begun != m.ended || m.files["/b"] != "" {
			t.Errorf("%d files began and %d ended; they are %q", m.begun, m.ended, m.files)
		}
	}
	m := newMemory()
	if err := takeAll(t, &Receiver{Create: m.create, Limits: Limits{File: 20, Total: 20, Files: 1}}, file("/a"), data, data, end); err != nil {
		t.Errorf("a file as large as the limits: %v", err)
	}
}

func TestAbortDiscardsOpenFile(t *testing.T) {
	m := newMemory()
	r := &Receiver{Create: m.create}
	if err := takeAll(t, r, file("/a"), Record{Type: Data, Payload: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	r.Abort()
	r.Abort()
	if m.ended != 1 || len(m.files) > 0 {
		t.Errorf("%d files ended and %d were kept, want 1 and 0", m.ended, len(m.files))
	}
}

func TestFileThatSenderCannotReadIsDiscarded(t *testing.T) {
	m := newMemory()
	err := takeAll(t, &Receiver{Create: m.create}, file("/a"), Record{Type: FileEnd, Payload: []byte("input/output error")})
	if err == nil || err.Error() != `receive "/a": the sender could not read it: input/output error` || len(m.files) > 0 || m.ended != 1 {
		t.Errorf("error %v, %d files ended and %d were kept", err, m.ended, len(m.files))
	}
}

// An error of Create is returned, and its Sink is not used.
func TestFileThatCannotBeMadeIsAnError(t *testing.T) {
	refused := errors.New("refused")
	r := &Receiver{Create: func(FileHead) (Sink, error) { return (*lostSink)(nil), refused }}
	if err := r.Take(file("/a")); !errors.Is(err, refused) {
		t.Errorf("got %v, want %v", err, refused)
	}
	r.Abort()
}

// A lostSink panics when it is used.
type lostSink struct{ Sink }

// sendTrees sends paths and returns the received files.
func sendTrees(t *testing.T, limits Limits, paths ...string) (m *memory, problems []string) {
	t.Helper()
	var channel bytes.Buffer
	problems, err := NewWriter(&channel).SendTrees(paths, limits, func(_ string, info fs.FileInfo) bool { return !info.IsDir() })
	if err != nil {
		t.Fatal(err)
	}
	m = newMemory()
	in, files := NewReader(&channel), &Receiver{Create: m.create, Limits: limits}
	for channel.Len() > 0 || in.r.Buffered() > 0 {
		rec, err := in.Read()
		if err == nil {
			err = files.Take(rec)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return m, problems
}

// Tests may make files of any kind and name. Those that the receiver would refuse are
// problems of the files, not of the channel.
func TestSendTreesSendsTheRestBesideProblems(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	deep := at("deep" + strings.Repeat("/x", MaxLevels))
	for _, name := range []string{"a", "z"} {
		if err := os.WriteFile(at(name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(
		os.WriteFile(at("hole"), nil, 0o600), os.Truncate(at("hole"), 1<<40),
		unix.Mkfifo(at("pipe"), 0o600), os.Symlink("a", at("link")),
		os.WriteFile(at("line\nbreak"), nil, 0o600), os.MkdirAll(deep, 0o700), os.WriteFile(deep+"/file", nil, 0o600),
	); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	m, problems := sendTrees(t, Limits{}, dir, at("absent"))
	if m.files[at("a")] != "a" || m.files[at("z")] != "z" || len(m.files) != 2 {
		t.Errorf("files that arrived: %q", m.files)
	}
	want := []string{
		fmt.Sprintf("send %q: it is more than 32 directories below its place", deep+"/file"),
		"send " + `"` + at("hole") + `" exceeds the limit of 1073741824 bytes in one file`,
		fmt.Sprintf("send %q: its name is not printable", at("line\nbreak")),
		fmt.Sprintf("send %q: only regular files are sent, and it is not one (Lrwxrwxrwx)", at("link")),
		fmt.Sprintf("send %q: only regular files are sent, and it is not one (prw-------)", at("pipe")),
	}
	if !slices.Equal(problems, want) {
		t.Errorf("problems %q, want %q", problems, want)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it took %v: the hole was read", took)
	}
}

func TestSendTreesKeepsLimits(t *testing.T) {
	dir := t.TempDir()
	for i := range 30 {
		name := filepath.Join(dir, string(rune('a'+i)))
		if err := os.WriteFile(name, make([]byte, 10), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		limits Limits
		files  int
		want   string
	}{
		{Limits{Files: 3}, 3, "limit of 3 files"},
		{Limits{Total: 45}, 4, "limit of 45 bytes in all files"},
		{Limits{File: 9}, 0, "limit of 9 bytes in one file"},
	} {
		m, problems := sendTrees(t, c.limits, dir)
		if len(m.files) != c.files {
			t.Errorf("%d files arrived, want %d", len(m.files), c.files)
		}
		if len(problems) != maxProblems+1 || !strings.Contains(problems[0], c.want) || !strings.HasSuffix(problems[maxProblems], " more files could not be sent") {
			t.Errorf("%d problems, want %d; the first and the last: %q, %q", len(problems), maxProblems+1, problems[0], problems[len(problems)-1])
		}
	}
}

// A file without a size, as in procfs, is counted while it is read.
func TestSendTreesCountsWhatItReads(t *testing.T) {
	const name = "/proc/self/status"
	var channel bytes.Buffer
	problems, err := NewWriter(&channel).SendTrees([]string{name}, Limits{File: 10}, func(string, fs.FileInfo) bool { return true })
	if err != nil || len(problems) != 1 || !strings.Contains(problems[0], "limit of 10 bytes in one file") {
		t.Fatalf("problems %q, %v", problems, err)
	}
	m := newMemory()
	in, files := NewReader(&channel), &Receiver{Create: m.create}
	for {
		rec, err := in.Read()
		if err != nil {
			t.Fatal("the file has no end")
		}
		if err := files.Take(rec); err != nil {
			break
		}
	}
	if m.received != 0 || len(m.files) != 0 || m.ended != 1 {
		t.Errorf("received %d bytes, kept %d files, ended %d", m.received, len(m.files), m.ended)
	}
}
