package guestrun

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/request"
)

// shells are the programs that a shell may be, the best one first. With another, such as
// the user's, its modules and settings would be missing in the guest.
var shells = []string{"/bin/bash", "bash", "/bin/sh", "sh"}

// tools are the programs of the host that a shell in a guest has, if the host has them.
const tools = `sh bash
	ls cat cp mv rm mkdir rmdir ln chmod chown stat touch readlink realpath mktemp mkfifo mknod dd truncate df du sync
	head tail wc sort uniq cut tr tee seq od sha256sum base64 echo printf test true false expr
	sleep date env id nproc uname stty tty timeout taskset nice nohup yes
	which grep sed awk mawk find xargs diff cmp less more xxd hexdump strings tar gzip
	ps top free kill pgrep pkill sysctl vmstat watch uptime
	dmesg mount umount losetup lsblk blkid setsid unshare nsenter chrt lsns ipcs prlimit script
	lsmod insmod rmmod modinfo kmod
	ip ss tc bridge nft iptables ping ethtool
	strace ltrace bpftool trace-cmd gdbserver
	vi vim.tiny nano clear reset tput`

// toolDirs are the directories that are in the guest's PATH.
var toolDirs = []string{"/usr/bin", "/usr/sbin", "/bin", "/sbin"}

// findShell returns the shell for a command, or an interactive one if the command is empty.
// A shell in the guest looks for a command that the host does not have: it may be a
// program of the configuration, or the test binary.
func findShell(command []string) (s request.Shell, err error) {
	if len(command) > 0 {
		s.Path, s.Args = absoluteProgram(command[0]), command
	}
	if s.Path == "" {
		for _, name := range shells {
			if s.Path = absoluteProgram(name); s.Path != "" {
				break
			}
		}
		if s.Path == "" {
			return s, errors.New("there is no bash and no sh in PATH")
		}
		s.Args = []string{filepath.Base(s.Path)}
		if len(command) > 0 {
			s.Args = append(s.Args, append([]string{"-c", `exec "$0" "$@"`}, command...)...)
		}
	}
	s.Tools = append(findTools(), findTerminal(os.Getenv("TERM"))...)
	return s, nil
}

// absoluteProgram returns the absolute path of a program, or "" if it is not found.
func absoluteProgram(name string) string {
	path, err := exec.LookPath(name)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return ""
	}
	return path
}

// findTools returns the paths of the tools that the host has.
func findTools() (paths []string) {
	for name := range strings.FieldsSeq(tools) {
		for _, dir := range toolDirs {
			path := filepath.Join(dir, name)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				paths = append(paths, path)
				break
			}
		}
	}
	for _, path := range []string{"/bin/sh", "/bin/bash"} { // scripts begin with them
		if _, err := os.Stat(path); err == nil {
			paths = append(paths, path)
		}
	}
	return paths
}

// findTerminal returns the path of the description of a terminal, if the host has one in
// a place where programs in the guest look for it.
func findTerminal(name string) []string {
	if name == "" || strings.Contains(name, "/") || name[0] == '.' {
		return nil
	}
	for _, dir := range []string{"/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo"} {
		path := filepath.Join(dir, name[:1], name)
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return []string{path}
		}
	}
	return nil
}
