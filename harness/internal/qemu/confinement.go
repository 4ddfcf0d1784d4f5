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

// sandbox denies QEMU the system calls that a machine does not need: it cannot start programs,
// change its user or set its scheduling. libvirt uses the same value.
const sandbox = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"

// Confinement returns the arguments that make QEMU confine itself with a seccomp filter; Args
// includes them. If QEMU or the host's kernel does not support that, args is nil and why is the
// reason in a few words. binary is as in Config.
//
// QEMU is started once to find out. The answer is kept in the user's cache, keyed by the program's
// path, size and modification time. Confinement may be called from several goroutines and processes
// at once.
func Confinement(binary string) (args []string, why string) {
	if !hasSeccomp() {
		return nil, "the host's kernel does not support seccomp filters for all threads of a process"
	}
	if why := whyNoSandbox(binary); why != "" {
		return nil, why
	}
	return []string{"-sandbox", sandbox}, ""
}

// hasSeccomp reports whether the kernel supports the filters of QEMU's sandbox. The call passes no
// filter, so it always fails: with EFAULT if the kernel supports them.
func hasSeccomp() bool {
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, 0)
	return errno == unix.EFAULT
}

// answerFile is a file in the cache entry of a QEMU. It holds the reason why that QEMU does not
// support the sandbox, and is empty if it does.
const answerFile = "no-sandbox"

// whyNoSandbox returns the reason why QEMU does not support the sandbox, or "" if it does. It uses
// the cache.
func whyNoSandbox(binary string) string {
	path, err := Find(binary)
	if err != nil {
		return err.Error()
	}
	dir, key, err := answerPlace(path)
	if err != nil { // no cache: QEMU is started each time
		why, err := probeSandbox(path)
		return reason(why, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	entry, err := cache.Entry(ctx, dir, key, func(_ context.Context, tmp string) error {
		why, err := probeSandbox(path)
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

// probeTimeout is how long QEMU may take to print its version.
const probeTimeout = 30 * time.Second

// probeSandbox returns the reason why QEMU rejects the sandbox, or "" if it accepts it. QEMU only
// parses the option, prints its version and exits. If QEMU gives no answer, that is an error.
func probeSandbox(path string) (why string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-sandbox", sandbox, "-version")
	cmd.Env = environment()
	cmd.WaitDelay = time.Second // if the program is a script, it may leave a process that holds the pipe
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("%s -version did not end within %v", path, probeTimeout)
	case errors.As(err, &exit) && exit.Exited():
		line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		return strings.TrimSuffix(fmt.Sprintf("%s does not support -sandbox: %s", path, line), ": "), nil
	}
	return "", err
}

// environment returns QEMU's environment: variables for its libraries and temporary files, and the
// language of its messages, which Err searches. It has no secrets that a guest could obtain by
// taking over QEMU.
func environment() []string {
	env := []string{"LANG=C"}
	for _, name := range []string{"PATH", "TMPDIR", "LD_LIBRARY_PATH"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}
