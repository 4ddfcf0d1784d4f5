package pid1

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// maxFresh is the number of requests for fresh machines that may be open at the same
// time. Further tests wait until one is answered.
const maxFresh = 64

// freshRequests are the tests' requests for fresh machines.
type freshRequests struct {
	out   *wire.Writer
	slots chan struct{} // has an element for each open request

	mu   sync.Mutex
	open map[string]bool // IDs of the requests that wait for the host's answer
	// refusal is why all requests are refused, or empty.
	refusal string
}

func newFreshRequests(out *wire.Writer) *freshRequests {
	return &freshRequests{out: out, slots: make(chan struct{}, maxFresh), open: map[string]bool{}}
}

// listen makes the FIFO and relays requests from it. It starts before the machine
// may be saved: the jobs that run in restored machines do not pay for it.
func (f *freshRequests) listen() error {
	if err := unix.Mkfifo(inside.FreshPipe, 0o600); err != nil {
		return fmt.Errorf("make %s: %w", inside.FreshPipe, err)
	}
	// It is also open for writing, so that it never ends.
	fd, err := unix.Open(inside.FreshPipe, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", inside.FreshPipe, err)
	}
	go f.relay(blockingFile(fd))
	return nil
}

// prepare decides, before the job's program starts, whether its requests are
// refused.
func (f *freshRequests) prepare(work wire.Work) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, variable := range work.Env {
		if name, value, _ := strings.Cut(variable, "="); name == inside.FreshVariable {
			if value != "" {
				f.refusal = "this machine is already a fresh one, for " + value
			}
			return // the first one counts
		}
	}
}

// relay reads requests, each of which is a line, until the pipe or the channel
// ends. It skips lines that are too long.
func (f *freshRequests) relay(pipe io.Reader) {
	lines := bufio.NewReaderSize(pipe, wire.MaxFreshLine)
	for skip := false; ; {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			skip = true
			continue
		}
		if err != nil {
			return
		}
		if !skip && f.take(string(line)) != nil {
			return
		}
		skip = false
	}
}

// take sends a request to the host, or refuses it. It ignores a line that names no
// FIFO for the answer. The error is one of the channel.
func (f *freshRequests) take(line string) error {
	words := strings.Fields(line)
	if len(words) != 3 || !isFIFO(words[0]) {
		return nil
	}
	procs, err := strconv.Atoi(words[2])
	test := wire.FreshTest{ID: words[0], Name: words[1], Procs: procs}
	f.mu.Lock()
	refusal, known := f.refusal, f.open[test.ID]
	f.mu.Unlock()
	if known {
		return nil // the FIFO is the other request's
	}
	if err == nil {
		err = test.Check()
	}
	if refusal == "" && err != nil {
		refusal = err.Error()
	}
	if refusal != "" {
		answer(test.ID, inside.FreshRefused+refusal)
		return nil
	}
	f.slots <- struct{}{}
	f.mu.Lock()
	f.open[test.ID] = true
	f.mu.Unlock()
	return f.out.WriteMessage(wire.Fresh, &test)
}

// finish passes the host's answer on to the test.
func (f *freshRequests) finish(rec wire.Record) error {
	var result wire.FreshResult
	if err := rec.Decode(&result); err != nil {
		return err
	}
	f.mu.Lock()
	known := f.open[result.ID]
	delete(f.open, result.ID)
	f.mu.Unlock()
	if !known {
		return fmt.Errorf("the host answers a request that no test made: %q", result.ID)
	}
	<-f.slots
	if result.Passed {
		answer(result.ID, inside.FreshPassed)
	} else {
		answer(result.ID, inside.FreshFailed)
	}
	return nil
}

// isFIFO reports whether path is a FIFO, and not a link to one.
func isFIFO(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().Type() == fs.ModeNamedPipe
}

// answer writes a line to the FIFO of a test. It never waits. There is no error to
// report: if the FIFO has no reader, the test has ended.
func answer(path, text string) {
	if !isFIFO(path) {
		return
	}
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	_, _ = unix.Write(fd, []byte(text+"\n"))
}
