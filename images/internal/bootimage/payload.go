package bootimage

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/kmodtest/kmodtest/images/internal/command"
)

// mostKernel is the largest size of an unpacked kernel, in bytes. Those of distributions have 66 MB.
const mostKernel = 1 << 30

// format is a compression format of the kernel inside a bzImage.
type format struct {
	magic string
	// sized means that four bytes with the uncompressed size follow the stream. In gzip they are part
	// of the stream.
	sized bool
	open  func(ctx context.Context, stream io.Reader) (io.Reader, func(), error)
}

var formats = []format{
	{"\x1f\x8b", false, openGzip},
	{"\x28\xb5\x2f\xfd", true, openZstd},
	{"\x02\x21\x4c\x18", true, openLZ4},
	{"\xfd7zXZ\x00", true, openXZ},
}

// findFormat returns the format of a payload, or nil.
func findFormat(payload *io.SectionReader) *format {
	head := make([]byte, 8)
	if _, err := payload.ReadAt(head, 0); err != nil {
		return nil
	}
	for i := range formats {
		if bytes.HasPrefix(head, []byte(formats[i].magic)) {
			return &formats[i]
		}
	}
	return nil
}

// unpack decompresses a payload to a file. It checks the size, since lz4 has no checksum.
func (f *format) unpack(ctx context.Context, payload *io.SectionReader, to string) (err error) {
	var tail [4]byte
	length := payload.Size()
	if _, err := payload.ReadAt(tail[:], length-int64(len(tail))); err != nil {
		return err
	}
	if f.sized {
		length -= int64(len(tail))
	}
	size := int64(binary.LittleEndian.Uint32(tail[:]))
	if size > mostKernel {
		return fmt.Errorf("it should unpack to %d bytes, more than %d", size, mostKernel)
	}
	stream, done, err := f.open(ctx, io.NewSectionReader(payload, 0, length))
	if err != nil {
		return err
	}
	defer done()
	file, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) // a package may have a link there
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	n, err := io.Copy(file, io.LimitReader(stream, size+1))
	if err == nil && n != size {
		err = fmt.Errorf("it should unpack to %d bytes, but unpacks to %d or more", size, n)
	}
	return err
}

func openGzip(_ context.Context, stream io.Reader) (io.Reader, func(), error) {
	r, err := gzip.NewReader(stream)
	return r, func() {}, err
}

func openZstd(_ context.Context, stream io.Reader) (io.Reader, func(), error) {
	r, err := zstd.NewReader(stream)
	if err != nil {
		return nil, nil, err
	}
	return r, r.Close, nil
}

func openLZ4(_ context.Context, stream io.Reader) (io.Reader, func(), error) {
	return lz4.NewReader(stream), func() {}, nil
}

// openXZ runs the program xz: kernels are compressed with a filter for x86 code, which Go libraries
// lack.
func openXZ(ctx context.Context, stream io.Reader) (io.Reader, func(), error) {
	xz, err := command.Find("xz", "xz-utils")
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	kernel, out := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, err := command.Command{Path: xz, Args: []string{"-dc"}, Stdin: stream, Out: out}.Run(ctx)
		_ = out.CloseWithError(err) // it returns no error
	}()
	return kernel, func() {
		cancel()
		_ = kernel.Close() // as above
		<-ended
	}, nil
}
