// Package mountspace lets programs see file systems where other processes do not. It requires no root, but a system that
// lets users make namespaces.
package mountspace

import (
	"os"
	"os/exec"
	"syscall"
)

// Enter makes a command run in a mount namespace of its own, in which it may mount; a user who is not root gets a user
// namespace as well, and is root there. script is a script of sh, which mounts and ends with a call of the command: its
// arguments are args, then the command with its own. The command ends when this process does.
func Enter(cmd *exec.Cmd, script string, args ...string) {
	attr := cmd.SysProcAttr
	if attr == nil {
		attr = &syscall.SysProcAttr{}
		cmd.SysProcAttr = attr
	}
	if attr.Pdeathsig == 0 {
		attr.Pdeathsig = syscall.SIGTERM
	}
	attr.Unshareflags |= syscall.CLONE_NEWNS
	if user := os.Geteuid(); user != 0 {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{HostID: user, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
	}
	cmd.Args = append(append([]string{"sh", "-c", script, "sh"}, args...), cmd.Args...)
	cmd.Path, cmd.Err = "sh", nil
	if path, err := exec.LookPath("sh"); err != nil {
		cmd.Err = err
	} else {
		cmd.Path = path
	}
}
