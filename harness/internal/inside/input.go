package inside

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strconv"
	"strings"
)

// A worker that fuzzes keeps the input that it tries, as a file of the corpus, in
// memory that the host can read when the kernel has died: InputPages pages,
// wherever they are. They begin with a head, by which others are told from them:
//
//	0  8 bytes  inputMagic, once all of the rest is there
//	8  8 bytes  length of the input, little-endian; of one that is too long there is only the beginning
//	16 4 bytes  CRC-32 (IEEE) of what there is of it, little-endian
//	20 1 byte   1 while it is tried, 0 afterwards
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

// An Input is the last one that a worker has tried.
type Input struct {
	Text    string
	Whole   bool // and not too long for the memory
	Running bool // it was being tried
}

// PutInput puts an input that is about to be tried into such memory.
func PutInput(memory []byte, text string) {
	clear(memory[:len(inputMagic)])
	kept := memory[inputHead:][:copy(memory[inputHead:], text)]
	binary.LittleEndian.PutUint64(memory[inputLength:], uint64(len(text)))
	binary.LittleEndian.PutUint32(memory[inputSum:], crc32.ChecksumIEEE(kept))
	memory[inputRunning] = 1
	copy(memory, inputMagic)
}

// EndInput notes that the input has been tried.
func EndInput(memory []byte) { memory[inputRunning] = 0 }

// ReadInput reads such memory; ok is false if there is no input in it.
func ReadInput(memory []byte) (in Input, ok bool) {
	size := binary.LittleEndian.Uint64(memory[inputLength:])
	kept := memory[inputHead:][:min(size, InputRoom)]
	if string(memory[:len(inputMagic)]) != inputMagic || crc32.ChecksumIEEE(kept) != binary.LittleEndian.Uint32(memory[inputSum:]) {
		return in, false
	}
	return Input{Text: string(kept), Whole: size <= InputRoom, Running: memory[inputRunning] == 1}, true
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
