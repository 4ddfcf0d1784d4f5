package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/kmodtest/kmodtest/harness/internal/host"
	"github.com/kmodtest/kmodtest/harness/internal/request"
)

// memory is the host's memory that each of a number of machines uses, on average,
// in bytes.
type memory struct {
	what     string
	machines int
	own      float64 // anonymous pages: those that a machine has changed, and QEMU's own
	pss      float64 // proportional set size: shared pages are divided among their users
}

// memories measures machines that wait for a job, and machines in a test that
// sleeps.
func (b *bench) memories(ctx context.Context) ([]memory, error) {
	var all []memory
	for _, n := range []int{1, 8} {
		m := memory{what: "restored, waiting for a job", machines: n}
		asked := request.Request{Config: request.Config{Modules: []string{b.module}}, Dir: b.module}
		if err := host.Idle(ctx, asked, n, m.look); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	for _, n := range []int{1, 8} {
		m := memory{what: "in a test that sleeps", machines: n}
		if err := b.sleepers(ctx, &m); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// look measures the processes of machines.
func (m *memory) look(pids []int) error {
	if len(pids) != m.machines {
		return fmt.Errorf("%d machines have %d processes", m.machines, len(pids))
	}
	for _, pid := range pids {
		own, pss, err := footprint(pid)
		if err != nil {
			return err
		}
		m.own += own / float64(m.machines)
		m.pss += pss / float64(m.machines)
	}
	return nil
}

// sleepers measures machines whose test sleeps.
func (b *bench) sleepers(ctx context.Context, m *memory) error {
	ctx, cancel := context.WithCancel(ctx)
	var emulators []int
	var ended sync.WaitGroup
	defer ended.Wait()
	defer cancel()
	for range m.machines {
		cmd := b.run(ctx, b.test, "TestWaits")
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		out, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		ended.Go(func() { _ = cmd.Wait() }) // it is ended early
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "waits\n" {
			return fmt.Errorf("start a machine that sleeps: got %q, %w", line, err)
		}
		pids, err := children(cmd.Process.Pid)
		if err != nil {
			return err
		}
		emulators = append(emulators, pids...)
	}
	return m.look(emulators)
}

// children returns the process IDs of a process's children.
func children(pid int) ([]int, error) {
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			return nil, err
		}
		for field := range strings.FieldsSeq(string(text)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				return nil, err
			}
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// footprint returns a process's anonymous memory and its proportional set size,
// in bytes; see proc_pid_smaps(5).
func footprint(pid int) (own, pss float64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(text)) {
		var kilobytes float64
		name, value, _ := strings.Cut(line, ":")
		if _, err := fmt.Sscanf(value, "%f kB", &kilobytes); err != nil {
			continue // the first line has another format
		}
		switch name {
		case "Anonymous":
			own = 1024 * kilobytes
		case "Pss":
			pss = 1024 * kilobytes
		}
	}
	return own, pss, nil
}

func writeMemory(w io.Writer, all []memory) error {
	var text strings.Builder
	text.WriteString("\n| machines | how many | private memory of each, MB | PSS of each, MB |\n|---|---:|---:|---:|\n")
	for _, m := range all {
		fmt.Fprintf(&text, "| %s | %d | %.1f | %.1f |\n", m.what, m.machines, m.own/1e6, m.pss/1e6)
	}
	_, err := io.WriteString(w, text.String())
	return err
}
