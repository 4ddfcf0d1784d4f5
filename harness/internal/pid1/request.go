package pid1

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/system"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// maxOpen is the number of requests that may be open at the same
// time. Further tests wait until one is answered.
const maxOpen = 64

// requests are the tests' requests to the host.
type requests struct {
	out   *wire.Writer
	slots chan struct{} // has an element for each open request

	mu   sync.Mutex
	open map[string]bool // IDs of the requests that wait for the host's answer
	// refusal is why all requests for fresh machines are refused, or empty.
	refusal string
}

func newRequests(out *wire.Writer) *requests {
	return &requests{out: out, slots: make(chan struct{}, maxOpen), open: map[string]bool{}}
}

// listen makes the FIFO and relays requests from it. It starts before the machine
// may be saved: the jobs that run in restored machines do not pay for it.
func (r *requests) listen() error {
	if err := unix.Mkfifo(inside.RequestPipe, 0o600); err != nil {
		return fmt.Errorf("make %s: %w", inside.RequestPipe, err)
	}
	// It is also open for writing, so that it never ends.
	fd, err := unix.Open(inside.RequestPipe, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", inside.RequestPipe, err)
	}
	go r.relay(system.File(fd))
	return nil
}

// prepare decides, before the job's program starts, whether its requests for fresh
// machines are refused.
func (r *requests) prepare(work wire.Work) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, variable := range work.Env {
		if name, value, _ := strings.Cut(variable, "="); name == inside.FreshVariable {
			if value != "" {
				r.refusal = "this machine is already a fresh one, for " + value
			}
			return // the first one counts
		}
	}
}

// relay reads requests, each of which is a line, until the pipe or the channel
// ends. It skips lines that are too long.
func (r *requests) relay(pipe io.Reader) {
	lines := bufio.NewReaderSize(pipe, wire.MaxRequest)
	for skip := false; ; {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			skip = true
			continue
		}
		if err != nil {
			return
		}
		if !skip && r.take(string(line)) != nil {
			return
		}
		skip = false
	}
}

// take sends a request to the host, or refuses it. It ignores a line that names no
// FIFO for the answer. The error is one of the channel.
func (r *requests) take(line string) error {
	words := strings.Fields(line)
	if len(words) < 2 || !isFIFO(words[0]) {
		return nil
	}
	request := wire.Request{ID: words[0], Verb: words[1], Args: words[2:]}
	r.mu.Lock()
	refusal, known := r.refusal, r.open[request.ID]
	r.mu.Unlock()
	if known {
		return nil // the FIFO is the other request's
	}
	if request.Verb != wire.VerbFresh {
		refusal = ""
	}
	if err := request.Check(); refusal == "" && err != nil {
		refusal = err.Error()
	}
	if refusal != "" {
		answer(request.ID, inside.AnswerRefused+refusal)
		return nil
	}
	r.slots <- struct{}{}
	r.mu.Lock()
	r.open[request.ID] = true
	r.mu.Unlock()
	return r.out.WriteMessage(wire.Ask, &request)
}

// finish passes the host's answer on to the test.
func (r *requests) finish(rec wire.Record) error {
	var result wire.Answer
	if err := rec.Decode(&result); err != nil {
		return err
	}
	r.mu.Lock()
	known := r.open[result.ID]
	delete(r.open, result.ID)
	r.mu.Unlock()
	if !known {
		return fmt.Errorf("the host answers a request that no test made: %q", result.ID)
	}
	<-r.slots
	if result.OK {
		answer(result.ID, inside.AnswerYes+result.Text)
	} else {
		answer(result.ID, inside.AnswerNo+result.Text)
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
