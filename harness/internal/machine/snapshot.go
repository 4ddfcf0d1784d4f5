package machine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/dmesg"
	"github.com/kmodtest/kmodtest/harness/internal/klog"
	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/images/cache"
)

// A snapshot is a machine that waits for a job, with its modules loaded, as a
// directory in the cache.
type snapshot struct {
	dir string
	manifest
}

// manifest describes a snapshot, so that its files can be checked.
type manifest struct {
	State  string    // SHA-256 of the state, in hex
	Size   int64     // of the memory's file, in bytes
	Time   time.Time // when the memory's file was last changed
	Boot   []klog.Record
	Log    []klog.Record
	Missed []string // see Machine.Missed
	QEMU   string   // for people
	Kernel string   // for people
}

// Names of a snapshot's files.
const (
	memoryName   = "memory"
	stateName    = "state"
	manifestName = "snapshot.json"
)

// snapshotKey covers everything that a snapshot depends on.
func snapshotKey(config qemu.Config) (string, error) {
	path, err := qemu.Find(config.Binary)
	if err != nil {
		return "", err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", err
	}
	args, err := config.Args()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", args) // with the rate of the host's counter, if the guest counts by it
	if config.Accel == qemu.KVM {
		fmt.Fprintln(h, qemu.CPUModel())
	}
	// The boot image and the initramfs are in cache entries, whose names change
	// with their content. A kernel that is given by its path may change in
	// place, and so may QEMU and the images of disks.
	for _, file := range append([]string{path, config.Kernel, config.Initramfs}, config.Files()...) {
		info, err := os.Stat(file)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, file, info.Size(), info.ModTime().UnixNano())
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}

// findSnapshot returns the snapshot of a machine, and makes it if it does not
// exist. If the machine does not come up, findSnapshot returns it with the reason.
func findSnapshot(ctx context.Context, cacheDir string, config qemu.Config, opt options) (*snapshot, *Machine, error) {
	key, err := snapshotKey(config)
	if err != nil {
		return nil, nil, err
	}
	dir := filepath.Join(cacheDir, "snapshots")
	var failed *Machine
	made := false
	entry, err := cache.Entry(ctx, dir, key, func(ctx context.Context, tmp string) (err error) {
		failed, err = takeSnapshot(ctx, tmp, config, opt)
		made = err == nil
		return err
	})
	if err != nil {
		return nil, failed, err
	}
	if made {
		cache.Trim(ctx, dir, entry)
	}
	s := &snapshot{dir: entry}
	return s, nil, s.check()
}

// errFaulty and errLong are the reasons not to save a machine.
var errFaulty = errors.New("the kernel reported a fault before the tests")

var errLong = fmt.Errorf("the kernel logged more than %d MiB before the tests", dmesg.MaxSaved>>20)

// takeSnapshot boots a machine and saves it in dir.
func takeSnapshot(ctx context.Context, dir string, config qemu.Config, opt options) (*Machine, error) {
	config.RAM = &qemu.RAM{File: filepath.Join(dir, memoryName)}
	m, err := boot(ctx, config, opt)
	if err != nil {
		return m, err
	}
	defer m.Stop()
	if err := settle(m); err != nil {
		return m, err
	}
	if err := save(m, filepath.Join(dir, stateName)); err != nil {
		return nil, fmt.Errorf("save the machine: %w", err)
	}
	m.process.Kill() // before the memory's time is taken
	if err := m.drain(); err != nil {
		return nil, fmt.Errorf("save the machine: %w", err)
	}
	if m.faulty() {
		return m, errFaulty
	}
	if m.log.Boot.IsLong() || m.log.Tests.IsLong() {
		return nil, errLong
	}
	return nil, writeManifest(dir, m)
}

func save(m *Machine, path string) error {
	state, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(m.process.Save(m.ctx, state), state.Close())
}

func writeManifest(dir string, m *Machine) error {
	state, err := os.ReadFile(filepath.Join(dir, stateName))
	if err != nil {
		return err
	}
	info, err := os.Stat(filepath.Join(dir, memoryName))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(state)
	b, err := json.Marshal(manifest{
		State: hex.EncodeToString(sum[:]), Size: info.Size(), Time: info.ModTime(), Boot: m.log.Boot.All(), Log: m.log.Tests.All(),
		QEMU: m.process.CommandLine(), Kernel: m.guest.release, Missed: m.Missed,
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, manifestName), b, 0o644)
}

// check reads the manifest and compares the files with it.
func (s *snapshot) check() error {
	b, err := os.ReadFile(filepath.Join(s.dir, manifestName))
	if err != nil {
		return &damageError{s.dir, err}
	}
	if err := json.Unmarshal(b, &s.manifest); err != nil {
		return &damageError{s.dir, fmt.Errorf("%s: %w", manifestName, err)}
	}
	state, err := os.ReadFile(filepath.Join(s.dir, stateName))
	if err != nil {
		return &damageError{s.dir, err}
	}
	if sum := sha256.Sum256(state); hex.EncodeToString(sum[:]) != s.State {
		return &damageError{s.dir, errors.New("the state of its devices is not as it was saved")}
	}
	info, err := os.Stat(filepath.Join(s.dir, memoryName))
	if err != nil {
		return &damageError{s.dir, err}
	}
	if info.Size() != s.Size || !info.ModTime().Equal(s.Time) {
		return &damageError{s.dir, errors.New("its memory is not as it was saved")}
	}
	return nil
}

// damageError is a snapshot that cannot be used.
type damageError struct {
	dir string
	err error
}

func (e *damageError) Error() string { return fmt.Sprintf("snapshot %s: %v", e.dir, e.err) }
func (e *damageError) Unwrap() error { return e.err }

// template returns the template to restore machines from.
func (s *snapshot) template() *template {
	return &template{
		memory: filepath.Join(s.dir, memoryName), state: filepath.Join(s.dir, stateName), boot: s.Boot, log: s.Log, missed: s.Missed,
	}
}
