package bisect

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kmodtest/kmodtest/images/cache"
)

// worktree is a work tree of a repository in the cache. Its path is the same for each
// search in the repository, so that builds in it go on where the last one ended.
type worktree struct {
	repository // of the work tree
	origin     repository
	unlock     func()
}

// removal is how long it may take to remove a work tree after an interrupt.
const removal = time.Minute

// addWorktree makes the work tree of a repository, with the files of a commit. Another
// search in the repository is waited for. One that was killed has left its work tree,
// which is removed.
func addWorktree(ctx context.Context, cacheDir string, origin repository, commit string) (*worktree, error) {
	key := fmt.Sprintf("%x", sha256.Sum256([]byte(origin)))[:16]
	dir, unlock, err := cache.Lock(ctx, filepath.Join(cacheDir, "bisect"), key)
	if err != nil {
		return nil, err
	}
	w := &worktree{repository(filepath.Join(dir, filepath.Base(string(origin)))), origin, unlock}
	if err = w.clear(ctx); err == nil {
		_, err = origin.git(ctx, "worktree", "add", "--force", "--detach", string(w.repository), commit)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a work tree: %w", err), w.remove(ctx))
	}
	return w, nil
}

// clear removes the work tree, if it exists.
func (w *worktree) clear(ctx context.Context) error {
	known, err := w.origin.git(ctx, "worktree", "list", "--porcelain")
	if err != nil {
		return err
	}
	if containsLine(known, "worktree "+string(w.repository)) {
		// It fails if the directory is damaged or gone. Then git needs only its entry removed, by the next "add --force".
		_, _ = w.origin.git(ctx, "worktree", "remove", "--force", "--force", string(w.repository))
	}
	return os.RemoveAll(string(w.repository))
}

// remove removes the work tree, even if ctx has ended.
func (w *worktree) remove(ctx context.Context) error {
	defer w.unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removal)
	defer cancel()
	if err := w.clear(ctx); err != nil {
		return fmt.Errorf("remove the work tree %s: %w", w.repository, err)
	}
	return nil
}

// checkOut replaces the files of the work tree by those of a commit. Files that are the
// same keep their time, so make does not compile them again.
func (w *worktree) checkOut(ctx context.Context, commit string) error {
	if _, err := w.git(ctx, "checkout", "--force", "--detach", "--quiet", commit, "--"); err != nil {
		return err
	}
	_, err := w.git(ctx, "clean", "-ffdxq")
	return err
}

// containsLine reports whether a text has this line.
func containsLine(text, want string) bool {
	for line := range strings.Lines(text) {
		if strings.TrimRight(line, "\n") == want {
			return true
		}
	}
	return false
}
