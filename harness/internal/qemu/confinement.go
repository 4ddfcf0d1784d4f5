package qemu

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/images/cache"
)

// sandbox denies QEMU the system calls that no machine needs: it cannot start programs, change its user or raise its
// limits. It is the set that libvirt uses.
const sandbox = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"

// Confinement returns the arguments that confine QEMU with a seccomp filter; Args has them, too. If this QEMU or the
// host's kernel does not support that, args is nil and why says so in a few words. binary is as in Machine.
//
// QEMU is asked once: the answer is kept in the user's cache, by the program's path, size and modification time. It may be
// called from several goroutines and processes at once.
func Confinement(binary string) (args []string, why string) {
	if !hasSeccomp() {
		return nil, "the host's kernel has no seccomp filters for all threads of a process"
	}
	if why := whyNoSandbox(binary); why != "" {
		return nil, why
	}
	return []string{"-sandbox", sandbox}, ""
}

// hasSeccomp reports whether the kernel has what QEMU's sandbox requires. The call has no filter to install, so it always
// fails: with EFAULT if all else is right.
func hasSeccomp() bool {
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, 0)
	return errno == unix.EFAULT
}

// answerFile holds, in a cache entry for a QEMU, why it does not take the sandbox; it is empty if it does.
const answerFile = "no-sandbox"

// whyNoSandbox returns why QEMU does not take the sandbox, or "" if it does, from the cache if it was asked before.
func whyNoSandbox(binary string) string {
	path, err := Find(binary)
	if err != nil {
		return err.Error()
	}
	dir, key, err := answerPlace(path)
	if err != nil { // without a cache, QEMU is asked each time
		why, err := askForSandbox(path)
		return reason(why, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), mostPatience)
	defer cancel()
	entry, err := cache.Entry(ctx, dir, key, func(_ context.Context, tmp string) error {
		why, err := askForSandbox(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(tmp, answerFile), []byte(why), 0o600)
	})
	if err != nil {
		return reason("", err)
	}
	why, err := os.ReadFile(filepath.Join(entry, answerFile))
	return reason(string(why), err)
}

// answerPlace returns the cache entry for the QEMU at a path.
func answerPlace(path string) (dir, key string, err error) {
	dir, err = cache.Dir()
	if err != nil {
		return "", "", err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", "", err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", "", err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %d %d %s", path, info.Size(), info.ModTime().UnixNano(), sandbox))
	return filepath.Join(dir, "qemu"), hex.EncodeToString(sum[:16]), nil
}

func reason(why string, err error) string {
	if err != nil {
		return fmt.Sprintf("cannot find out whether QEMU supports -sandbox: %v", err)
	}
	return why
}

// mostPatience is how long QEMU may take to print its version.
const mostPatience = 30 * time.Second

// askForSandbox returns what QEMU says against the sandbox, or "" if it takes it. It only parses the option, and ends
// with its version. The error is for a QEMU that gave no answer.
func askForSandbox(path string) (why string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), mostPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-sandbox", sandbox, "-version")
	cmd.Env = environment()
	cmd.WaitDelay = time.Second // if the program is a script, it may leave a process that holds the pipe
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("%s -version: no answer in %v", path, mostPatience)
	case errors.As(err, &exit) && exit.Exited():
		line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		return strings.TrimSuffix(fmt.Sprintf("%s does not support -sandbox: %s", path, line), ": "), nil
	}
	return "", err
}

// environment is QEMU's: what it takes to find its libraries and to put its temporary files, and the language of its
// messages, which are compared with words. A guest that takes QEMU over learns no secret from it.
func environment() []string {
	env := []string{"LANG=C"}
	for _, name := range []string{"PATH", "TMPDIR", "LD_LIBRARY_PATH"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}
