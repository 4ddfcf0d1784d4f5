package vmtest

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// FuzzSet sets any message of any length, right before an inaccessible page, and
// checks the stored message.
func FuzzSet(f *testing.F) {
	const most = uapi.SocketOpsMsgMax
	f.Add([]byte("hello"), int32(5))
	f.Add([]byte("hello"), int32(6))
	f.Add([]byte{}, int32(0))
	f.Add([]byte(strings.Repeat("a", most+1)), int32(most))
	f.Add([]byte(strings.Repeat("a", most+1)), int32(most+1))
	f.Add([]byte("negative"), int32(-1))
	f.Fuzz(func(t *testing.T, text []byte, size int32) {
		guest.FuzzInput(t, text, size)
		text = text[:min(len(text), unix.Getpagesize())]
		s := newSocket(t)
		s.store(t, "kept")
		want, left := error(nil), "kept"
		switch {
		case size < 0 || size > most:
			want = unix.EINVAL
		case int(size) > len(text):
			want = unix.EFAULT
		default:
			left = string(text[:size])
		}
		wantErrno(t, s.set(uapi.SocketOpsSet, message(t, string(text)).address, size), want, "set of %d of %d bytes", size, len(text))
		s.wantLast(t, left, "afterwards")
	})
}
