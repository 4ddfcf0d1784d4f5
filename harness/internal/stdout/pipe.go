// Package stdout is the standard output and error of a program in a guest: pipes that are
// copied to the host.
package stdout

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/system"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Open returns the write end of a pipe that a goroutine of running copies to w. A piece leaves
// the pipe after it was written to w, so if the pipe is empty all data was written. After each
// piece, 1 is added to the eventfd taken.
func Open(running *sync.WaitGroup, w, taken io.Writer) (*os.File, error) {
	return open(running, 0, func(pipe int, copies [2]int) error { return copyPipe(w, pipe, copies, taken) })
}

// open returns the write end of a pipe that a goroutine copies until it ends. copies is a pipe
// for that goroutine. With unix.O_DIRECT the pipe holds a single write: each write waits until
// the one before it was removed.
func open(running *sync.WaitGroup, flags int, copyAll func(pipe int, copies [2]int) error) (*os.File, error) {
	var ours, copies [2]int // each the read end and the write end
	if err := unix.Pipe2(ours[:], unix.O_CLOEXEC|flags); err != nil {
		return nil, err
	}
	if flags != 0 {
		if _, err := unix.FcntlInt(uintptr(ours[1]), unix.F_SETPIPE_SZ, os.Getpagesize()); err != nil {
			return nil, fmt.Errorf("make a pipe of one page: %w", err)
		}
	}
	if err := unix.Pipe2(copies[:], unix.O_CLOEXEC); err != nil {
		return nil, err
	}
	running.Go(func() {
		// An error means that the host is gone, which PID 1 also sees.
		_ = copyAll(ours[0], copies)
		for _, fd := range []int{ours[0], copies[0], copies[1]} {
			_ = unix.Close(fd)
		}
	})
	return os.NewFile(uintptr(ours[1]), "stream"), nil
}

// peek returns the first data in a pipe, in buf, and leaves it there; nothing at the pipe's end.
func peek(pipe int, copies [2]int, buf []byte) ([]byte, error) {
	for {
		n, err := unix.Tee(pipe, copies[1], len(buf), 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			return nil, err
		}
		_, err = io.ReadFull(system.File(copies[0]), buf[:n])
		return buf[:n], err
	}
}

// copyPipe copies a pipe to w until it ends, as Open describes.
func copyPipe(w io.Writer, pipe int, copies [2]int, taken io.Writer) error {
	buf := make([]byte, wire.MaxShared)
	one := binary.NativeEndian.AppendUint64(nil, 1)
	for {
		piece, err := peek(pipe, copies, buf)
		if err != nil || len(piece) == 0 {
			return err
		}
		if _, err := w.Write(piece); err != nil {
			return err
		}
		if _, err := io.ReadFull(system.File(pipe), piece); err != nil {
			return err
		}
		if _, err := taken.Write(one); err != nil {
			return err
		}
	}
}
