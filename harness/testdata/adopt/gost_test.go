package adopt

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// The kernel's hash of a text is the one that `rhash --gost94-cryptopro` prints.
func hashes(t *testing.T) {
	listening, err := unix.Socket(unix.AF_ALG, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(listening)
	if err := unix.Bind(listening, &unix.SockaddrALG{Type: "hash", Name: "gosthash94"}); err != nil {
		t.Fatal(err)
	}
	hash, _, errno := unix.Syscall(unix.SYS_ACCEPT, uintptr(listening), 0, 0) // unix.Accept wants a peer's address
	if errno != 0 {
		t.Fatal(errno)
	}
	defer unix.Close(int(hash))
	if _, err := unix.Write(int(hash), []byte("abc")); err != nil {
		t.Fatal(err)
	}
	sum := make([]byte, 32)
	if _, err := unix.Read(int(hash), sum); err != nil {
		t.Fatal(err)
	}
	const want = "b285056dbf18d7392d7677369524dd14747459ed8143997e163b2986f92fd42c"
	if got := fmt.Sprintf("%x", sum); got != want {
		t.Errorf("the hash of abc is %s, want %s", got, want)
	}
}
