package pid1

import (
	"bytes"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// listenForFresh passes on to the host which tests ask for a machine of their
// own. It starts before the machine may be saved: in those restored from it, a
// run without such tests has no part of it.
func (g *guest) listenForFresh() error {
	if err := unix.Mkfifo(inside.FreshPipe, 0o600); err != nil {
		return fmt.Errorf("make %s: %w", inside.FreshPipe, err)
	}
	// For writing too, so that it never ends.
	fd, err := unix.Open(inside.FreshPipe, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", inside.FreshPipe, err)
	}
	go g.relayFresh(blockingFile(fd))
	return nil
}

// relayFresh reads requests, each of which is a line that was written at once.
func (g *guest) relayFresh(pipe blockingFile) {
	buf := make([]byte, unix.PathMax)
	var text []byte
	for {
		n, err := pipe.Read(buf)
		if err != nil {
			return
		}
		text = append(text, buf[:n]...)
		for {
			line, rest, whole := bytes.Cut(text, []byte("\n"))
			if !whole {
				break
			}
			text = rest
			var test wire.FreshTest
			if _, err := fmt.Sscanf(string(line), "%s %s %d", &test.ID, &test.Name, &test.Procs); err != nil {
				continue // of something that is none of ours
			}
			if g.out.WriteMessage(wire.Fresh, &test) != nil {
				return
			}
		}
	}
}

// answerFresh tells a test how it ended in its own machine.
func answerFresh(rec wire.Record) error {
	var result wire.FreshResult
	if err := rec.Decode(&result); err != nil {
		return err
	}
	fd, err := unix.Open(result.ID, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENOENT) {
		return nil // whoever asked is gone
	}
	if err != nil {
		return fmt.Errorf("answer a test: %w", err)
	}
	defer unix.Close(fd)
	answer := "failed"
	if result.Passed {
		answer = inside.FreshPassed
	}
	if _, err := unix.Write(fd, []byte(answer+"\n")); err != nil {
		return fmt.Errorf("answer a test: %w", err)
	}
	return nil
}
