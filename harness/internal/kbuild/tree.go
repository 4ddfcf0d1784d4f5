package kbuild

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/kmodtest/kmodtest/harness/internal/copytree"
	"github.com/kmodtest/kmodtest/images/cache"
)

// tree is the directory in which one source is built for one kernel, with one compiler
// and one set of flags. It is kept, so that the next build compiles only what has
// changed. Only the holder of its lock may use it, except known.
type tree struct {
	dir   string
	state state
}

// state describes a tree. It is a file in it.
type state struct {
	Copied   map[string]copytree.Stamp // files from the user's directory
	Prepared map[string]copytree.Stamp // files that Source.Prepare made or changed, afterwards
	Records  []record                  // of the last builds that passed, the latest first
}

// record says that a build from these inputs made that result.
type record struct {
	Inputs  map[string]string // digests, by the path relative to the root, or by an absolute path
	All     bool              // every file of the copy is an input
	Names   string            // as of Listing.Names
	Others  []string          // keys of the results whose symbols it could use
	Outside []string          // inputs outside of the root
	Result  string            // key
}

// maxRecords is large enough to go back and forth between some versions of the sources.
const maxRecords = 32

const (
	copyName  = "copy"       // the copy of the sources, with the outputs of builds
	stateName = "state.json" // the state
	busyName  = "busy"       // exists while programs change the tree
)

// treesDir is the directory of all trees in the cache.
func treesDir(cacheDir string) string { return filepath.Join(cacheDir, "trees") }

// known returns the record of the build with the inputs that the user's files now have,
// or nil. It needs no lock: a record is complete and stays true.
func known(dir string, l *copytree.Listing, others []string) (*record, error) {
	s, err := readState(dir)
	if err != nil {
		return nil, err
	}
	for i := range s.Records {
		if same, err := s.Records[i].matches(l, others); same || err != nil {
			return &s.Records[i], err
		}
	}
	return nil, nil
}

// matches reports whether the inputs of a build have not changed since.
func (r *record) matches(l *copytree.Listing, others []string) (bool, error) {
	if r.Names != l.Names(r.All) || !slices.Equal(r.Others, others) {
		return false, nil
	}
	for name, want := range r.Inputs {
		digest := copytree.Digest
		if f := l.File(name); f != nil {
			digest = func(string) (string, error) { return f.Digest() }
		} else if !filepath.IsAbs(name) || !isFile(name) {
			return false, nil
		}
		if got, err := digest(name); got != want || err != nil {
			return false, err
		}
	}
	return true, nil
}

func readState(dir string) (state, error) {
	var s state
	text, err := os.ReadFile(filepath.Join(dir, stateName))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil && json.Unmarshal(text, &s) != nil {
		return state{}, nil //nolint:nilerr // of another version, or damaged: the tree is made anew
	}
	return s, err
}

// openTree locks a tree, and makes it if it does not exist. A tree in which a build was
// killed is emptied: a file may be incomplete and still newer than its sources.
func openTree(ctx context.Context, cacheDir, key string) (*tree, func(), error) {
	dir, unlock, err := cache.Lock(ctx, treesDir(cacheDir), key)
	if err != nil {
		return nil, nil, err
	}
	t := &tree{dir: dir}
	if t.state, err = readState(dir); err == nil && (t.state.Copied == nil || t.isBusy()) {
		err = t.clear()
	}
	if err == nil {
		err = os.MkdirAll(t.copy(), 0o700)
	}
	if err != nil {
		unlock()
		return nil, nil, err
	}
	return t, unlock, nil
}

// copy returns the path of the copy of the sources.
func (t *tree) copy() string { return filepath.Join(t.dir, copyName) }

func (t *tree) isBusy() bool {
	_, err := os.Lstat(filepath.Join(t.dir, busyName))
	return err == nil
}

// clear empties the tree.
func (t *tree) clear() error {
	entries, err := os.ReadDir(t.dir)
	for _, entry := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(t.dir, entry.Name())))
	}
	t.state = state{}
	return err
}

// begin marks the tree as being changed. After end it is consistent again.
func (t *tree) begin() error {
	return os.WriteFile(filepath.Join(t.dir, busyName), nil, 0o600)
}

// end writes the state.
func (t *tree) end() error {
	text, err := json.Marshal(t.state)
	if err != nil {
		return err
	}
	next := filepath.Join(t.dir, stateName+".next")
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return err
	}
	if err := os.Rename(next, filepath.Join(t.dir, stateName)); err != nil {
		return err
	}
	return os.Remove(filepath.Join(t.dir, busyName))
}

// add adds the record of a build.
func (s *state) add(r record) {
	s.Records = append([]record{r}, s.Records...)
	if len(s.Records) > maxRecords {
		s.Records = s.Records[:maxRecords]
	}
}

// digestOfText returns a hash of texts and of the boundaries between them.
func digestOfText(texts ...string) string {
	return fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%q", texts)))[:32]
}
