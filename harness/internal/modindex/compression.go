package modindex

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// maxFile is the largest module in bytes.
const maxFile = 64 << 20

func decompress(ext string, b []byte) ([]byte, error) {
	var r io.Reader
	var err error
	switch ext {
	case ".xz":
		r, err = xz.NewReader(bytes.NewReader(b))
	case ".gz":
		r, err = gzip.NewReader(bytes.NewReader(b))
	case ".zst":
		var z *zstd.Decoder
		if z, err = zstd.NewReader(bytes.NewReader(b)); err == nil {
			defer z.Close()
		}
		r = z
	default:
		return b, nil
	}
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(out) > maxFile {
		err = fmt.Errorf("it has more than %d MiB", maxFile>>20)
	}
	return out, err
}

// Uncompressed returns a module's path in the guest: without the suffix of a
// compressed file.
func Uncompressed(path string) string {
	if i := strings.LastIndex(path, ".ko."); i >= 0 {
		return path[:i+len(".ko")]
	}
	return path
}
