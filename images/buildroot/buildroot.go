// Package buildroot runs programs in a build root: a directory with the compiler, the libraries and the programs of another
// system, in which a kernel's modules are built. It requires no root, but namespaces of users and mounts.
package buildroot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/images/internal/mountspace"
)

// Root is a build root. In it, programs see the directories of the root in place of the host's programs, libraries and
// configuration, and everything else, such as /home and /tmp, as it is on the host, under the same paths. The zero value
// is the host itself.
type Root struct {
	Dir  string // absolute path; it must be neither below /usr nor below /etc
	Name string // of the system, for messages: "Debian trixie"
}

// mountPoint is an empty directory in a root, where it is put together.
const mountPoint = "mnt"

// own are the names at the top of a root that hide the host's.
func own() []string { return []string{"bin", "etc", "lib", "lib32", "lib64", "libx32", "sbin", "usr"} }

// IsHost reports whether r is the host itself.
func (r Root) IsHost() bool { return r.Dir == "" }

// Has reports whether a root, which is not the host, has a program in /usr/bin.
func (r Root) Has(program string) bool {
	_, err := os.Stat(filepath.Join(r.Dir, "usr/bin", program)) // a link in there may be to another program there
	return err == nil && !strings.Contains(program, "/")
}

// enter puts a root together on a file system of its own, and runs a program in it. Its arguments are the root, the names
// at its top, the working directory and the command.
const enter = `set -e
root=$1 own=$2 dir=$3 point=$1/` + mountPoint + `
shift 3
mount -t tmpfs -o mode=755,size=1m kmodtest "$point"
for at in /* /.[!.]*; do
	case " $own " in *" ${at#/} "*) continue ;; esac
	if [ -L "$at" ]; then ln -s "$(readlink "$at")" "$point$at"
	elif [ -d "$at" ]; then mkdir "$point$at"; mount --rbind "$at" "$point$at"
	fi
done
for name in $own; do
	if [ -L "$root/$name" ]; then ln -s "$(readlink "$root/$name")" "$point/$name"
	elif [ -d "$root/$name" ]; then mkdir "$point/$name"; mount --bind "$root/$name" "$point/$name"
	fi
done
exec chroot "$point" /bin/sh -c 'cd "$1" && shift && exec "$@"' sh "$dir" "$@"`

// Wrap makes a command run in the root. Its program is looked up there.
func (r Root) Wrap(cmd *exec.Cmd) {
	if r.IsHost() {
		return
	}
	dir := cmd.Dir
	if dir == "" {
		dir = "/"
	}
	mountspace.Enter(cmd, enter, r.Dir, strings.Join(own(), " "), dir)
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, "LD_LIBRARY_PATH=")
}

// Check returns an error that says what to do if the system does not let this process enter the root, or if the programs
// there do not run.
func (r Root) Check(ctx context.Context) error {
	if r.IsHost() {
		return nil
	}
	if top, _, _ := strings.Cut(strings.TrimPrefix(r.Dir, "/"), "/"); slices.Contains(own(), top) {
		return fmt.Errorf("the build root of %s cannot be used at %s, because it has a /%s of its own: set XDG_CACHE_HOME to another directory",
			r.Name, r.Dir, top)
	}
	cmd := exec.CommandContext(ctx, "make", "--version")
	r.Wrap(cmd)
	said, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() >= 126 { // of the shell in the root, whose exec failed
		return fmt.Errorf("the build root of %s is damaged: make does not run in it: %s; remove %s, and it is fetched again",
			r.Name, strings.TrimSpace(string(said)), r.Dir)
	}
	advice := "run as root; or let users make namespaces (sysctl -w user.max_user_namespaces=10000; on Ubuntu " +
		"kernel.apparmor_restrict_unprivileged_userns=0; on older Debian kernel.unprivileged_userns_clone=1)"
	if os.Geteuid() == 0 {
		advice = "a container requires CAP_SYS_ADMIN for it (docker run --privileged)"
	}
	return fmt.Errorf("enter the build root of %s at %s: %w: %s; %s; or install the compiler of the kernel on this system",
		r.Name, r.Dir, err, strings.TrimSpace(string(said)), advice)
}
