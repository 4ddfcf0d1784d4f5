package inside

import (
	"slices"
	"strings"
	"testing"
)

func TestInputIsWhatWasPut(t *testing.T) {
	memory := make([]byte, InputPages*PageSize)
	for _, size := range []int{0, 1, InputRoom, InputRoom + 1, 2 * InputRoom} {
		text := strings.Repeat("x", size)
		PutInput(memory, text)
		got, whole := Input(memory)
		if want := text[:min(size, InputRoom)]; got != want || whole != (got == text) {
			t.Errorf("of an input of %d bytes %d are there, whole: %v", size, len(got), whole)
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
		t.Errorf("%s is %v, %v", place, got, err)
	}
	if line := (Mark{Verb: MarkInput, Words: []string{strings.Repeat("n", maxMarkedName), place}}).String(); len(line) > 900 {
		t.Errorf("a mark of %d bytes is too long for the kernel's log", len(line))
	}
	for _, bad := range []string{"", "1", place + ",1", strings.Replace(place, ",", ",-", 1)} {
		if _, err := ParseInputPlace(bad); err == nil {
			t.Errorf("%q is taken for pages", bad)
		}
	}
}
