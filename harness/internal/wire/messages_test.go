package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

// payload encodes numbers (int) and texts (string).
func payload(fields ...any) []byte {
	var b []byte
	for _, field := range fields {
		switch v := field.(type) {
		case int:
			b = binary.AppendVarint(b, int64(v))
		case string:
			b = append(binary.AppendVarint(b, int64(len(v))), v...)
		}
	}
	return b
}

func TestTruncatedMessagesAreGarbled(t *testing.T) {
	var e encoder
	(&Work{Path: "/bin/x", Args: []string{"x", "-v"}, Dir: "/"}).fields(&e)
	for n := range len(e.b) {
		wantGarbled(t, Record{Type: Job, Payload: e.b[:n]}.Decode(&Work{}), "the payload ends inside a field")
	}
	wantGarbled(t, Record{Type: Job, Payload: append(e.b, 'x')}.Decode(&Work{}), "1 bytes are left over")
}

func TestInvalidMessagesAreGarbled(t *testing.T) {
	const path = "/f"
	for name, c := range map[string]struct {
		into    Message
		payload []byte
		want    string
	}{
		"negative length":        {&Greeting{}, payload(-1), "number -1 is not between 0 and 256"},
		"huge length":            {&Readiness{}, payload(1 << 40), "is not between 0 and 4096"},
		"length of a long text":  {&Greeting{}, payload(strings.Repeat("x", 257)), "number 257 is not between"},
		"text behind the end":    {&Greeting{}, payload(200), "the payload ends inside a field"},
		"release with an escape": {&Greeting{}, payload("6.1\x1b[2J"), "not a valid word"},
		"huge list":              {&Findings{}, payload(1 << 40), "is not between 0 and 1024"},
		"negative list":          {&Findings{}, payload(-5), "number -5 is not between"},
		"list behind the end":    {&Findings{}, payload(1000), "the payload ends inside a field"},
		"flag":                   {&Answer{}, payload(path, 2), "number 2 is not between 0 and 1"},

		"exit code 256":              {&Status{}, payload(256, 0, 1, 0, ""), "number 256 is not between -1 and 255"},
		"exit code -256":             {&Status{}, payload(-256, 0, 1, 0, ""), "number -256 is not between"},
		"exit code of 33 bits":       {&Status{}, payload(1<<32, 0, 1, 0, ""), "is not between -1 and 255"},
		"no exit code":               {&Status{}, payload(-1, 0, 0, 0, ""), "does not match the signal"},
		"exit code and signal":       {&Status{}, payload(0, 9, 0, 0, ""), "does not match the signal"},
		"exit code and error":        {&Status{}, payload(0, 0, 0, 0, "not found"), "does not match the signal"},
		"signal 65":                  {&Status{}, payload(-1, 65, 0, 0, ""), "number 65 is not between 0 and 64"},
		"finished without exit code": {&Status{}, payload(-1, 9, 1, 0, ""), "has not finished"},

		"module name with NUL":      {&ModuleRequest{}, payload(1, "a\x00b", 0, 0, 0), `"a\x00b" is not a valid name of a module`},
		"long module name":          {&ModuleRequest{}, payload(1, strings.Repeat("x", 1025), 0, 0, 0), "number 1025 is not between"},
		"many loaded modules":       {&ModuleRequest{}, payload(1, "a", 0, 0, MaxLoaded+1), "number 513 is not between 0 and 512"},
		"loaded module with escape": {&ModuleRequest{}, payload(1, "a", 0, 0, 1, "\x1b[2J"), "not a valid word"},

		"operation on a file":    {&HostRequest{}, payload(1, 4, path, "", 0, 0), "number 4 is not between 0 and 3"},
		"path with NUL":          {&HostRequest{}, payload(1, 0, "/a\x00b", "", 0, 0), `"/a\x00b" is not a valid path`},
		"long path":              {&HostRequest{}, payload(1, 0, strings.Repeat("x", 4097), "", 0, 0), "number 4097 is not between"},
		"name with a slash":      {&HostRequest{}, payload(1, 1, path, "a/b", 0, 0), `"a/b" is not a valid file name`},
		"offset before a file":   {&HostRequest{}, payload(1, 2, path, "", -1, 0), "number -1 is not between"},
		"more than a piece":      {&HostRequest{}, payload(1, 2, path, "", 0, MaxPiece+1), "is not between 0 and 262144"},
		"too many entries":       {&HostAnswer{}, payload(1, 0, MaxEntries+1), "number 1025 is not between 0 and 1024"},
		"entries behind the end": {&HostAnswer{}, payload(1, 0, MaxEntries), "the payload ends inside a field"},

		"name with NUL":          {&FileHead{}, payload("/a\x00b", 0o644, 0, ""), `"/a\x00b" is not a valid path`},
		"no name":                {&FileHead{}, payload("", 0o644, 0, ""), "no name"},
		"long name":              {&FileHead{}, payload(strings.Repeat("x", 4097), 0o644, 0, ""), "number 4097 is not between"},
		"negative mode":          {&FileHead{}, payload(path, -1, 0, ""), "number -1 is not between"},
		"mode of 33 bits":        {&FileHead{}, payload(path, 1<<32, 0, ""), "is not between"},
		"FIFO":                   {&FileHead{}, payload(path, 1<<25|0o644, 0, ""), "neither a regular file"},
		"device":                 {&FileHead{}, payload(path, 1<<26|0o644, 0, ""), "neither a regular file"},
		"link without target":    {&FileHead{}, payload(path, 1<<27|0o777, 0, ""), "target of a link"},
		"file with link target":  {&FileHead{}, payload(path, 0o644, 0, "/etc"), "target of a link"},
		"request without answer": {&Request{}, payload("", "fresh", 0), "no ID"},
	} {
		err := Record{Type: Exit, Payload: c.payload}.Decode(c.into)
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		wantGarbled(t, err, c.want)
	}
}

// wantGarbled checks that err is a GarbledError with want in it.
func wantGarbled(t *testing.T, err error, want string) {
	t.Helper()
	var garbled *GarbledError
	if !errors.As(err, &garbled) || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v (%T), want a GarbledError with %q", err, err, want)
	}
}

func TestWriterRefusesInvalidMessages(t *testing.T) {
	for name, m := range map[string]Message{
		"exit code":  &Status{Code: 256},
		"argument":   &Work{Args: []string{strings.Repeat("x", maxArgument+1)}},
		"file name":  &FileHead{Name: "/a\x00"},
		"request":    &Request{Verb: VerbFresh},
		"long list":  &Findings{Errors: make([]string, MaxFindings+1)},
		"long paths": &Work{Collect: []string{strings.Repeat("x", maxPath+1)}},
	} {
		var buf bytes.Buffer
		if err := NewWriter(&buf).WriteMessage(Exit, m); err == nil || buf.Len() > 0 {
			t.Errorf("%s: error %v and %d bytes, want an error and no bytes", name, err, buf.Len())
		}
	}
}

func TestLongReasonsAreCut(t *testing.T) {
	var buf bytes.Buffer
	long := strings.Repeat("x", maxReason+1)
	if err := NewWriter(&buf).WriteMessage(Checks, &Findings{Errors: []string{long}}); err != nil {
		t.Fatal(err)
	}
	rec, err := NewReader(&buf).Read()
	if err != nil {
		t.Fatal(err)
	}
	var got Findings
	if err := rec.Decode(&got); err != nil || len(got.Errors) != 1 || got.Errors[0] != long[:maxReason] {
		t.Errorf("%d texts, %v, want one of %d bytes", len(got.Errors), err, maxReason)
	}
}
