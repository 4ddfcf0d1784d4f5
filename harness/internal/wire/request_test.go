package wire

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestInvalidRequestsAreNoticed(t *testing.T) {
	for name, c := range map[string]struct {
		words string
		want  string // in the error
	}{
		"no verb":             {"", "there is no request"},
		"another verb":        {"shell", "there is no request"},
		"test without a name": {"fresh  1", "wrong number of words"},
		"subtest":             {"fresh TestA/b 1", "not a valid test name"},
		"no test":             {"fresh BenchmarkA 1", "not a valid test name"},
		"test with a newline": {"fresh TestA\nb 1", "not a valid test name"},
		"test with an escape": {"fresh TestA\x1b 1", "not a valid test name"},
		"no processor":        {"fresh TestA 0", "not a number from 1"},
		"many processors":     {"fresh TestA 65537", "not a number from 1 to 65536"},
		"machines":            {"together TestA 1", "wrong number of words"},
		"one machine":         {"together TestA 1 1", "not a number from 2 to 8"},
		"many machines":       {"together TestA 1 9", "not a number from 2 to 8"},
		"machines of no test": {"together TestA/b 1 2", "not a valid test name"},
		"several for fresh":   {"fresh TestA 1 2", "wrong number of words"},
		"network":             {"network 1", "wrong number of words"},
		"no moment":           {"wait", "wrong number of words"},
		"long moment":         {"wait " + strings.Repeat("a", maxMoment+1), "exceeds the limit of 64"},
		"moment":              {"wait a\x1b", "not a valid name of a moment"},
		"no disk":             {"disk", "wrong number of words"},
		"empty disk":          {"disk 0 -", "size of a disk"},
		"negative disk":       {"disk -512 -", "size of a disk"},
		"large disk":          {"disk 4294967808 -", "size of a disk"},
		"huge disk":           {"disk 9223372036854775808 -", "size of a disk"},
		"half a sector":       {"disk 513 -", "not a multiple of 512"},
		"failures":            {"disk 512 x", "disk with failures"},
		"sector behind end":   {"disk 512 r 1", "sector of a disk"},
		"negative sector":     {"disk 512 r -1", "sector of a disk"},
		"many sectors":        {"disk 512 r" + strings.Repeat(" 0", MaxSectors+1), "wrong number of words"},
		"two devices":         {"remove a b", "wrong number of words"},
		"device":              {"remove a\x1b", "not a valid word"},
	} {
		words := strings.FieldsFunc(c.words, func(r rune) bool { return r == ' ' })
		request := Request{ID: "/a"}
		if len(words) > 0 {
			request.Verb, request.Args = words[0], words[1:]
		}
		if err := request.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", name, err, c.want)
		}
	}
}

func TestRequestsAreRead(t *testing.T) {
	fresh := Request{ID: "/a", Verb: VerbFresh, Args: []string{"TestÄ", "2"}}
	if got, err := fresh.Fresh(); err != nil || got != (FreshTest{"/a", "TestÄ", 2, 1}) {
		t.Errorf("%+v, %v", got, err)
	}
	together := Request{ID: "/a", Verb: VerbTogether, Args: []string{"TestÄ", "2", "8"}}
	if got, err := together.Fresh(); err != nil || got != (FreshTest{"/a", "TestÄ", 2, 8}) {
		t.Errorf("%+v, %v", got, err)
	}
	wait := Request{ID: "/a", Verb: VerbWait, Args: []string{"listening"}}
	if got, err := wait.Moment(); err != nil || got != "listening" {
		t.Errorf("%q, %v", got, err)
	}
	disk := Request{ID: "/a", Verb: VerbDisk, Args: []string{"4294967296", "w", "0", "8388607"}}
	want := Disk{Size: MaxDisk, FailWrites: true, Sectors: []int64{0, MaxDisk/SectorSize - 1}}
	if got, err := disk.Disk(); err != nil || !cmp.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	remove := Request{ID: "/a", Verb: VerbRemove, Args: []string{"disk1"}}
	if got, err := remove.Device(); err != nil || got != "disk1" {
		t.Errorf("%q, %v", got, err)
	}
	for _, r := range []Request{fresh, together, wait, {ID: "/a", Verb: VerbNetwork}, disk, remove} {
		if err := r.Check(); err != nil {
			t.Errorf("%s: %v", r.Verb, err)
		}
	}
}
