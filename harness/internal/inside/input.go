package inside

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// A fuzz worker keeps its current input, in the format of a corpus file, in memory
// that the host can read after the kernel has died: InputPages pages at any place. They
// begin with a header:
//
//	0  8 bytes  inputMagic, written last
//	8  8 bytes  length of the input, little-endian; a longer one than InputRoom is cut
//	16 4 bytes  CRC-32 (IEEE) of the kept part, little-endian
//	20 1 byte   1 while the input is tried, 0 afterwards
const (
	InputPages = 32
	PageSize   = 4096
	InputRoom  = InputPages*PageSize - inputHead

	inputHead    = 24
	inputLength  = 8
	inputSum     = 16
	inputRunning = 20
	inputMagic   = "kmodfuzz"
)

// An Input is the last input of a fuzz worker.
type Input struct {
	Text    string
	Whole   bool // false if Text is only the beginning of a long input
	Running bool // whether the worker was trying it
}

// PutInput writes an input that is about to be tried into a worker's memory.
func PutInput(memory []byte, text string) {
	clear(memory[:len(inputMagic)])
	kept := memory[inputHead:][:copy(memory[inputHead:], text)]
	binary.LittleEndian.PutUint64(memory[inputLength:], uint64(len(text)))
	binary.LittleEndian.PutUint32(memory[inputSum:], crc32.ChecksumIEEE(kept))
	memory[inputRunning] = 1
	copy(memory, inputMagic)
}

// EndInput records that the worker has tried the input.
func EndInput(memory []byte) { memory[inputRunning] = 0 }

// ReadInput reads the input from a copy of a worker's memory, which has
// InputPages*PageSize bytes. ok is false if the memory holds no intact input.
func ReadInput(memory []byte) (in Input, ok bool) {
	size := binary.LittleEndian.Uint64(memory[inputLength:])
	kept := memory[inputHead:][:min(size, InputRoom)]
	if string(memory[:len(inputMagic)]) != inputMagic || crc32.ChecksumIEEE(kept) != binary.LittleEndian.Uint32(memory[inputSum:]) {
		return in, false
	}
	return Input{Text: string(kept), Whole: size <= InputRoom, Running: memory[inputRunning] == 1}, true
}

// InputPlace encodes the page frame numbers of a worker's memory as a word of a mark.
func InputPlace(pages []uint64) string {
	var words []string
	for _, page := range pages {
		words = append(words, strconv.FormatUint(page, 36))
	}
	return strings.Join(words, ",")
}

// ParseInputPlace decodes a word of InputPlace. It returns an error unless there are
// InputPages numbers.
func ParseInputPlace(place string) ([]uint64, error) {
	words := strings.Split(place, ",")
	if len(words) != InputPages {
		return nil, fmt.Errorf("the place of an input has %d pages, want %d", len(words), InputPages)
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
