package testoutput

import (
	"io"
	"sync"
	"sync/atomic"
)

// Transcript keeps the output of a test that has a fresh machine until the outputs
// of the tests before it are printed. Its methods may be called by several goroutines at once.
type Transcript struct {
	// All counts the bytes that all transcripts of a run keep; nil counts nothing.
	All *atomic.Int64

	mu   sync.Mutex
	kept Excerpt
	live [2]io.Writer // standard output and error, from its turn on
}

// Stdout returns the writer for standard output.
func (t *Transcript) Stdout() io.Writer { return transcriptStream{t, 0} }

// Stderr returns the writer for standard error.
func (t *Transcript) Stderr() io.Writer { return transcriptStream{t, 1} }

// Print prints the output so far, and from then on all further output at once.
func (t *Transcript) Print(stdout, stderr io.Writer) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.live = [2]io.Writer{stdout, stderr}
	for _, p := range t.kept.Pieces() {
		if _, err := t.live[p.Stream].Write(p.Text); err != nil {
			return err
		}
	}
	t.count(-t.kept.Size())
	t.kept = Excerpt{}
	return nil
}

// transcriptStream is the standard output or error of a transcript.
type transcriptStream struct {
	t      *Transcript
	stream int
}

// Write keeps p, or prints it if it is the transcript's turn.
func (s transcriptStream) Write(p []byte) (int, error) {
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	if w := s.t.live[s.stream]; w != nil {
		return w.Write(p)
	}
	if s.t.All != nil && s.t.All.Load() > MaxTranscripts {
		s.t.kept.Drop(len(p))
		return len(p), nil
	}
	before := s.t.kept.Size()
	s.t.kept.Add(s.stream, p)
	s.t.count(s.t.kept.Size() - before)
	return len(p), nil
}

// MaxTranscripts is how many bytes of output wait for their turn in a run.
const MaxTranscripts = 32 << 20

// count notes that the transcript takes n more bytes.
func (t *Transcript) count(n int) {
	if t.All != nil {
		t.All.Add(int64(n))
	}
}
