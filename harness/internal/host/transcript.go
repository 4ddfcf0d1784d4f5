package host

import (
	"io"
	"sync"
	"sync/atomic"

	"github.com/kmodtest/kmodtest/harness/internal/testoutput"
)

// transcript keeps the output of a test that has a fresh machine until the outputs
// of the tests before it are printed. Its methods may be called by several goroutines at once.
type transcript struct {
	mu   sync.Mutex
	all  *atomic.Int64 // bytes that the transcripts of the run keep; nil counts nothing
	kept testoutput.Excerpt
	live [2]io.Writer // standard output and error, from its turn on
}

func (t *transcript) stdout() io.Writer { return transcriptStream{t, 0} }
func (t *transcript) stderr() io.Writer { return transcriptStream{t, 1} }

// print prints the output so far, and from then on all further output at once.
func (t *transcript) print(stdout, stderr io.Writer) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.live = [2]io.Writer{stdout, stderr}
	for _, p := range t.kept.Pieces() {
		if _, err := t.live[p.Stream].Write(p.Text); err != nil {
			return err
		}
	}
	t.count(-t.kept.Size())
	t.kept = testoutput.Excerpt{}
	return nil
}

// transcriptStream is the standard output or error of a transcript.
type transcriptStream struct {
	t      *transcript
	stream int
}

// Write keeps p, or prints it if it is the transcript's turn.
func (s transcriptStream) Write(p []byte) (int, error) {
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	if w := s.t.live[s.stream]; w != nil {
		return w.Write(p)
	}
	if s.t.all != nil && s.t.all.Load() > maxTranscripts {
		s.t.kept.Drop(len(p))
		return len(p), nil
	}
	before := s.t.kept.Size()
	s.t.kept.Add(s.stream, p)
	s.t.count(s.t.kept.Size() - before)
	return len(p), nil
}

// maxTranscripts is how many bytes of output wait for their turn in a run.
const maxTranscripts = 32 << 20

// count notes that the transcript takes n more bytes.
func (t *transcript) count(n int) {
	if t.all != nil {
		t.all.Add(int64(n))
	}
}
