package inside

import (
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
)

// A worker that fuzzes keeps the input that it tries in memory that the host can
// read when the kernel has died: InputPages pages, wherever they are. They hold
// the length in InputHead bytes, little-endian, 0 between two inputs, and then the
// input as a file of the corpus. One that is too long is cut off.
const (
	InputPages = 32
	InputHead  = 8
	PageSize   = 4096
	InputRoom  = InputPages*PageSize - InputHead
)

// PutInput puts an input, or none, into such memory.
func PutInput(memory []byte, text string) {
	binary.LittleEndian.PutUint64(memory, 0) // until all of it is there
	copy(memory[InputHead:], text)
	binary.LittleEndian.PutUint64(memory, uint64(len(text)))
}

// Input returns the input in such memory, "" for none; whole is false when it was
// too long.
func Input(memory []byte) (text string, whole bool) {
	size := binary.LittleEndian.Uint64(memory)
	return string(memory[InputHead:][:min(size, InputRoom)]), size <= InputRoom
}

// InputPlace is where the pages are in the guest's physical memory, by their
// numbers, as a mark has it.
func InputPlace(pages []uint64) string {
	var words []string
	for _, page := range pages {
		words = append(words, strconv.FormatUint(page, 36))
	}
	return strings.Join(words, ",")
}

// ParseInputPlace undoes InputPlace.
func ParseInputPlace(place string) ([]uint64, error) {
	words := strings.Split(place, ",")
	if len(words) != InputPages {
		return nil, errors.New("not the pages of an input")
	}
	pages := make([]uint64, InputPages)
	for i, word := range words {
		var err error
		if pages[i], err = strconv.ParseUint(word, 36, 64); err != nil {
			return nil, err
		}
	}
	return pages, nil
}
