package unpack

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Decompress returns the content of an archive that gzip, xz or zstd compressed, or else the archive as it is. The function
// that it returns must be called when the content is read.
func Decompress(archive io.Reader) (io.Reader, func(), error) {
	nothing := func() {}
	buffered := bufio.NewReader(archive)
	begin, err := buffered.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) { // a shorter file is not compressed
		return nil, nothing, err
	}
	switch {
	case bytes.HasPrefix(begin, []byte("\x1f\x8b")):
		text, err := gzip.NewReader(buffered)
		return text, nothing, err
	case bytes.HasPrefix(begin, []byte("\xfd7zXZ\x00")):
		text, err := xz.NewReader(buffered)
		return text, nothing, err
	case bytes.HasPrefix(begin, []byte("\x28\xb5\x2f\xfd")):
		text, err := zstd.NewReader(buffered)
		if err != nil {
			return nil, nothing, err
		}
		return text, text.Close, nil
	}
	return buffered, nothing, nil
}
