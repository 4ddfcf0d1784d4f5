package qemu

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/qemu/board"
	"github.com/kmodtest/kmodtest/images/cache"
)

// failuresKept is how long a failure of KVM is remembered.
const failuresKept = 24 * time.Hour

// failureLimit is the maximum length of a remembered reason, in bytes.
const failureLimit = 1000

// Choose returns the accelerator for a machine. If that is not KVM, why is the
// reason and the remedy in a few words: another architecture, that of Detect, or an earlier failure.
func Choose(cacheDir string, config Config) (a Accel, why string) {
	if b, err := board.Of(config.Arch); err == nil && !b.IsNative() {
		return TCG, "it cannot run a kernel for " + b.Arch + " on this host"
	}
	if a, why = Detect(); why != "" {
		return a, why
	}
	if failure := kvmFailure(cacheDir, config); failure != "" {
		return TCG, "this kernel did not start under it: " + failure + "; KMODTEST_ACCEL=kvm uses it again"
	}
	return a, ""
}

// kvmFailure returns why a machine with that configuration did not start under KVM
// on this host, in an earlier run: since the host's boot, within a day, with the
// same processor, QEMU and kernel. It returns "" if there was no such failure.
func kvmFailure(cacheDir string, config Config) string {
	path, err := failureFile(cacheDir, config)
	if err != nil {
		return ""
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || time.Since(info.ModTime()) > failuresKept {
		return ""
	}
	why, err := io.ReadAll(io.LimitReader(f, failureLimit))
	if err != nil {
		return ""
	}
	return string(why)
}

// failureFile returns the path of the file with the reason.
func failureFile(cacheDir string, config Config) (string, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", err
	}
	emulator, err := Find(config.Binary)
	if err != nil {
		return "", err
	}
	if emulator, err = filepath.EvalSymlinks(emulator); err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n", boot, CPUModel())
	for _, file := range []string{emulator, config.Kernel} {
		info, err := os.Stat(file)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, file, info.Size(), info.ModTime().UnixNano())
	}
	return filepath.Join(failureDir(cacheDir), hex.EncodeToString(h.Sum(nil)[:16])), nil
}

func failureDir(cacheDir string) string { return filepath.Join(cacheDir, "kvm") }

// RememberFailure keeps the reason why a machine with that configuration did not
// start under KVM, for Choose, and removes reasons that have expired.
func RememberFailure(cacheDir string, config Config, why string) (err error) {
	path, err := failureFile(cacheDir, config)
	if err != nil {
		return err
	}
	dir := failureDir(cacheDir)
	if err := cache.MakeDir(dir); err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return err
	}
	for _, file := range old {
		if info, err := os.Stat(file); err == nil && time.Since(info.ModTime()) > failuresKept {
			os.Remove(file)
		}
	}
	tmp, err := os.CreateTemp(dir, ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(why[:min(len(why), failureLimit)])
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
