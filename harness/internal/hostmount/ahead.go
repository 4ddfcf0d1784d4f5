package hostmount

import (
	"path"
	"sync"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// maxAhead is how many files are read ahead of a program at a time.
const maxAhead = 64

// ahead decides how many files of a directory to read before a program asks for them.
// Programs that read a whole directory do so in the order in which it is listed, by name.
// Its methods may be called by several goroutines at once.
type ahead struct {
	mu        sync.Mutex
	dir, name string // of the last file that was read
	size      int
}

// next returns how many files that follow a file to read with it. It doubles with each
// file that the one before has predicted, and is halved where another directory begins.
func (a *ahead) next(file string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	dir, name := path.Split(file)
	switch {
	case dir != a.dir:
		a.size /= 2
	case name > a.name:
		a.size = min(max(2*a.size, 4), maxAhead)
	default:
		a.size = 0
	}
	a.dir, a.name = dir, name
	return a.size
}

// readAhead begins to read files that follow a file in its directory. The function that it
// returns waits for them, and gives them to the kernel if that knows them.
//
// The kernel waits there until no other program waits for the same file. Only files with
// later names are given while a program waits for one, so two of them never wait for each
// other.
func (f *fileSystem) readAhead(file string, size int) (finish func()) {
	dir, name := path.Split(file)
	dir = path.Clean(dir)
	answer := make(chan wire.HostAnswer, 1)
	go func() {
		// Without an answer the files are read later, one by one.
		a, _ := f.client.Ask(wire.HostRequest{Op: wire.HostSeries, Path: dir, After: name, Size: size})
		answer <- a
	}()
	return func() {
		a := <-answer
		rest := a.Data
		for _, e := range a.Entries {
			if e.Size < 0 || e.Size > int64(len(rest)) || e.Name <= name {
				return
			}
			content := rest[:e.Size]
			rest = rest[e.Size:]
			if id, ok := f.nodes.unchanged(path.Join(dir, e.Name), e); ok && content != "" {
				f.store(id, []byte(content))
			}
		}
	}
}
