// Package system sets up a guest: files in /etc, the host name, limits, the loopback interface, and device files.
package system

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

// etc has the files that look-ups of users, hosts and services require.
var etc = map[string]string{
	"/etc/passwd":        "root:x:0:0:root:/root:/bin/false\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
	"/etc/group":         "root:x:0:\nnogroup:x:65534:\n",
	"/etc/hosts":         "127.0.0.1 localhost kmodtest\n::1 localhost\n",
	"/etc/resolv.conf":   "",
	"/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
	"/etc/protocols":     "ip 0 IP\nicmp 1 ICMP\ntcp 6 TCP\nudp 17 UDP\nipv6 41 IPv6\n",
	"/etc/services":      services,
	// For an interactive bash.
	"/root/.bashrc": "PS1='\\u@\\h:\\w\\$ '\nalias ls='ls --color=auto' grep='grep --color=auto' ip='ip -color=auto'\n",
}

// hostname is the guest's host name.
const hostname = "kmodtest"

// maxFiles is the limit of open files per process, the same as systemd's for services.
const maxFiles = 1 << 19

// SetUp makes files and directories and sets host name, limits and loopback.
func SetUp() error {
	for name, text := range etc {
		if err := WriteFile(name, text); err != nil {
			return err
		}
	}
	for _, dir := range []string{"/root", "/var/tmp", "/usr/bin", "/sbin"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	// Programs such as ip look there for what is in /run. The host may have sent files to it.
	if err := os.Symlink("/run", "/var/run"); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if err := unix.Sethostname([]byte(hostname)); err != nil {
		return fmt.Errorf("set host name: %w", err)
	}
	limit := &unix.Rlimit{Cur: maxFiles, Max: maxFiles}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, limit); err != nil {
		return fmt.Errorf("raise limit of open files: %w", err)
	}
	return inside.RaiseLoopback()
}

// WriteFile writes a file, and makes its directory.
func WriteFile(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(text), 0o644)
}
