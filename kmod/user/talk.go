// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/kmod/uapi"
)

const message = "----------user------------"

// errNoSocket has the wording that the contract requires.
var errNoSocket = errors.New("can not create a socket")

// talk opens a raw socket, sets the message with its NUL, gets the greeting, and
// writes one line for each of the two calls.
func talk(w io.Writer) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW)
	switch {
	case errors.Is(err, os.ErrPermission):
		return errNoSocket
	case err != nil:
		return callError("socket", err)
	}
	defer func() { _ = unix.Close(fd) }()

	if err := setMessage(fd, append([]byte(message), 0)); err != nil {
		return callError("setsockopt", err)
	}
	if _, err := fmt.Fprintf(w, "setsockopt: ret = 0, msg = %s\n", message); err != nil {
		return fmt.Errorf("write result: %w", err)
	}

	answer, err := greeting(fd, make([]byte, uapi.SocketOpsMsgMax))
	if err != nil {
		return callError("getsockopt", err)
	}
	text, _, _ := bytes.Cut(answer, []byte{0})
	if _, err := fmt.Fprintf(w, "getsockopt: ret = 0, msg = %s\n", text); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// callError returns an error for a failed system call, with the number and text of
// its errno.
func callError(call string, err error) error {
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return fmt.Errorf("%s: %w", call, err)
	}
	return fmt.Errorf("%s: ret = -1, errno = %d, %w", call, int(errno), errno)
}
