package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/klog"
	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
	"github.com/kmodtest/kmodtest/images/cache"
)

// A snapshot is a machine that waits for a job, with its modules loaded, as a
// directory in the cache.
type snapshot struct {
	dir string
	manifest
}

// manifest is what a snapshot says of itself, to be held against its files.
type manifest struct {
	State  string    // SHA-256 of the state, in hex
	Size   int64     // of the memory's file, in bytes
	Time   time.Time // when the memory's file was last changed
	Boot   []klog.Record
	Log    []klog.Record
	QEMU   string // for people
	Kernel string // for people
}

// Names of a snapshot's files.
const (
	memoryName   = "memory"
	stateName    = "state"
	manifestName = "snapshot.json"
)

// snapshotKey covers everything that a snapshot depends on.
func snapshotKey(spec qemu.Machine) (string, error) {
	path, err := exec.LookPath(spec.Binary)
	if err != nil {
		return "", &qemu.NotFoundError{Binary: spec.Binary, Err: err}
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", spec.Args())
	if spec.Accel == qemu.KVM {
		fmt.Fprintln(h, qemu.CPUModel())
	}
	// The boot image and the initramfs lie in entries of the cache whose names
	// change with their content; a kernel given by its path may change in
	// place, and so may QEMU.
	for _, file := range []string{path, spec.Kernel, spec.Initramfs} {
		info, err := os.Stat(file)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, file, info.Size(), info.ModTime().UnixNano())
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}

// findSnapshot returns the snapshot of a machine, and makes it if it is not
// there. When the machine does not come up, that machine is returned, too, with
// the reason.
func findSnapshot(ctx context.Context, cacheDir string, spec qemu.Machine, silence time.Duration) (*snapshot, *machine, error) {
	key, err := snapshotKey(spec)
	if err != nil {
		return nil, nil, err
	}
	dir := filepath.Join(cacheDir, "snapshots")
	var failed *machine
	made := false
	entry, err := cache.Entry(ctx, dir, key, func(ctx context.Context, tmp string) (err error) {
		failed, err = takeSnapshot(ctx, tmp, spec, silence)
		made = err == nil
		return err
	})
	if err != nil {
		return nil, failed, err
	}
	if made {
		pruneSnapshots(dir, entry, time.Now())
	}
	s := &snapshot{dir: entry}
	return s, nil, s.check()
}

// takeSnapshot boots a machine and saves it in dir.
func takeSnapshot(ctx context.Context, dir string, spec qemu.Machine, silence time.Duration) (*machine, error) {
	spec.RAM = &qemu.RAM{File: filepath.Join(dir, memoryName)}
	m, err := bootMachine(ctx, spec, silence)
	if err != nil {
		return m, err
	}
	defer m.stop()
	if err := save(m, filepath.Join(dir, stateName)); err != nil {
		return nil, fmt.Errorf("save the machine: %w", err)
	}
	m.process.Kill() // before the memory's time is taken
	if err := m.drain(); err != nil {
		return nil, fmt.Errorf("save the machine: %w", err)
	}
	if m.kernelFault() != nil {
		return m, errors.New("the kernel reported a fault before the tests")
	}
	return nil, writeManifest(dir, m)
}

func save(m *machine, path string) error {
	state, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(m.process.Save(m.ctx, state), state.Close())
}

func writeManifest(dir string, m *machine) error {
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
		State: hex.EncodeToString(sum[:]), Size: info.Size(), Time: info.ModTime(), Boot: m.boot, Log: m.log,
		QEMU: m.process.CommandLine(), Kernel: m.release,
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, manifestName), b, 0o644)
}

// check holds the files against the manifest, which it reads.
func (s *snapshot) check() error {
	b, err := os.ReadFile(filepath.Join(s.dir, manifestName))
	if err != nil {
		return &damage{s.dir, err}
	}
	if err := json.Unmarshal(b, &s.manifest); err != nil {
		return &damage{s.dir, fmt.Errorf("%s: %w", manifestName, err)}
	}
	state, err := os.ReadFile(filepath.Join(s.dir, stateName))
	if err != nil {
		return &damage{s.dir, err}
	}
	if sum := sha256.Sum256(state); hex.EncodeToString(sum[:]) != s.State {
		return &damage{s.dir, errors.New("the state of its devices is not what was saved")}
	}
	info, err := os.Stat(filepath.Join(s.dir, memoryName))
	if err != nil {
		return &damage{s.dir, err}
	}
	if info.Size() != s.Size || !info.ModTime().Equal(s.Time) {
		return &damage{s.dir, errors.New("its memory is not what was saved")}
	}
	return nil
}

// damage tells that a snapshot can not be used.
type damage struct {
	dir string
	err error
}

func (e *damage) Error() string { return fmt.Sprintf("snapshot %s: %v", e.dir, e.err) }
func (e *damage) Unwrap() error { return e.err }

// restore starts a machine from the snapshot. It is ready for a job. When the
// kernel reports a fault before that, the machine is returned with the reason.
func (s *snapshot) restore(ctx context.Context, spec qemu.Machine, silence time.Duration) (*machine, error) {
	spec.RAM = &qemu.RAM{File: filepath.Join(s.dir, memoryName), Restore: true}
	state, err := os.Open(filepath.Join(s.dir, stateName))
	if err != nil {
		return nil, &damage{s.dir, err}
	}
	defer state.Close()
	m, err := startMachine(ctx, spec, silence)
	if err != nil {
		return nil, err
	}
	// What the kernel logs from here on comes behind what it had logged.
	m.greeted, m.ready = true, &wire.Readiness{}
	m.boot, m.log = s.Boot, s.Log
	err = m.process.Restore(m.ctx, state)
	if err == nil {
		err = m.awaitAnswer()
	}
	if err != nil {
		m.stop()
		var interrupt *interruptError
		if errors.As(err, &interrupt) {
			return nil, err
		}
		if m.kernelFault() != nil {
			return m, err
		}
		return nil, &damage{s.dir, errors.Join(err, m.process.Err())}
	}
	now := time.Now()
	// The time of a directory is that of its last use. That it can not be set
	// does no harm but an early end.
	_ = os.Chtimes(s.dir, now, now)
	return m, nil
}

// start returns a machine that is ready for a job: restored from a snapshot if
// that can be, else booted. When it does not come up, the machine is returned
// with the reason.
func (r *run) start(ctx context.Context, spec qemu.Machine) (*machine, error) {
	silence := r.env.Silence
	if silence == 0 {
		silence = usualSilence(spec.Accel)
	}
	if r.env.Snapshot == "off" {
		return bootMachine(ctx, spec, silence)
	}
	snap, m, err := findSnapshot(ctx, r.cache, spec, silence)
	if err == nil {
		m, err = snap.restore(ctx, spec, silence)
	}
	if err == nil {
		return m, nil
	}
	var missing *qemu.NotFoundError
	if m != nil || ctx.Err() != nil || errors.As(err, &missing) {
		return m, err
	}
	r.say("no machine can be restored, so it boots (KMODTEST_SNAPSHOT=off does so without trying): %v", err)
	var broken *damage
	if errors.As(err, &broken) {
		if err := removeSnapshot(broken.dir); err != nil {
			r.say("the snapshot can not be removed: %v", err)
		}
	}
	return bootMachine(ctx, spec, silence)
}
