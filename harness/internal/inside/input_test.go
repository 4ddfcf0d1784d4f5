package inside

import (
	"slices"
	"strings"
	"testing"
)

func TestInputIsWhatWasPut(t *testing.T) {
	memory := make([]byte, InputPages*PageSize)
	if in, ok := ReadInput(memory); ok {
		t.Errorf("new memory holds an input: %+v", in)
	}
	for _, size := range []int{0, 1, InputRoom, InputRoom + 1, 2 * InputRoom} {
		text := strings.Repeat("x", size)
		PutInput(memory, text)
		want := Input{Text: text[:min(size, InputRoom)], Whole: size <= InputRoom, Running: true}
		if got, ok := ReadInput(memory); !ok || got != want {
			t.Errorf("input of %d bytes: got %d bytes, found: %v, whole: %v, running: %v", size, len(got.Text), ok, got.Whole, got.Running)
		}
		EndInput(memory)
		want.Running = false
		if got, ok := ReadInput(memory); !ok || got != want {
			t.Errorf("input of %d bytes: it changed when it ended", size)
		}
	}
}

func TestDamagedInputIsNotRead(t *testing.T) {
	memory := make([]byte, InputPages*PageSize)
	for _, at := range []int{0, inputLength, inputLength + 7, inputSum, inputHead, inputHead + 4} {
		PutInput(memory, "hello")
		memory[at] ^= 0x80
		if in, ok := ReadInput(memory); ok {
			t.Errorf("byte %d is damaged, and the input is read: %+v", at, in)
		}
	}
}

func TestPlaceOfInputFitsInMark(t *testing.T) {
	pages := make([]uint64, InputPages)
	for i := range pages {
		pages[i] = 1<<28 - uint64(i) // of 1 TiB
	}
	place := InputPlace(pages)
	got, err := ParseInputPlace(place)
	if err != nil || !slices.Equal(got, pages) {
		t.Errorf("place %s: got %v, %v", place, got, err)
	}
	if line := (Mark{Verb: MarkInput, Words: []string{strings.Repeat("n", maxMarkedName), place}}).String(); len(line) > 900 {
		t.Errorf("a mark of %d bytes is too long for the kernel log", len(line))
	}
	for _, bad := range []string{"", "1", place + ",1", strings.Replace(place, ",", ",-", 1)} {
		if _, err := ParseInputPlace(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}
