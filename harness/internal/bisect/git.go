package bisect

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
)

// repository is a git repository, by the path of a work tree.
type repository string

// git runs git in the work tree and returns its standard output. No hook runs: a
// checkout in another work tree is not the user's. An interrupt at a terminal does not
// reach git.
func (r repository) git(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", string(r), "-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false"}, args...)...)
	cmd.Env = gitEnvironment(os.Environ())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimRight(string(out), "\n"), nil
}

// gitEnvironment returns the environment without the variables that choose another
// repository, which git sets for hooks.
func gitEnvironment(env []string) []string {
	var kept []string
	for _, variable := range env {
		name, _, _ := strings.Cut(variable, "=")
		if !slices.Contains([]string{"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"}, name) {
			kept = append(kept, variable)
		}
	}
	return append(kept, "LC_ALL=C", "GIT_TERMINAL_PROMPT=0")
}

// openRepository returns the repository that dir is in.
func openRepository(ctx context.Context, dir string) (repository, error) {
	top, err := repository(dir).git(ctx, "rev-parse", "--show-toplevel")
	return repository(top), err
}

// commit returns the full name of the commit of a revision.
func (r repository) commit(ctx context.Context, revision string) (string, error) {
	id, err := r.git(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", revision+"^{commit}")
	if err != nil {
		return "", fmt.Errorf("there is no commit %q in %s", revision, r)
	}
	return id, nil
}

// title returns the first line of a commit's message, after the first digits of its name.
func (r repository) title(ctx context.Context, id string) (string, error) {
	return r.git(ctx, "log", "-1", "--format=%h %s", id, "--")
}

// isAncestor reports whether all commits of one are in the history of the other.
func (r repository) isAncestor(ctx context.Context, id, of string) (bool, error) {
	_, err := r.git(ctx, "merge-base", "--is-ancestor", id, of)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return false, nil
	}
	return err == nil, err
}

// candidates returns the commits in the history of bad that are not in that of a good
// one. The middle halves a history with merges best, too.
func (r repository) candidates(ctx context.Context, good []string, bad string) (c candidates, err error) {
	span := append([]string{bad, "--not"}, good...)
	out, err := r.git(ctx, append([]string{"rev-list", "--topo-order", "--reverse"}, span...)...)
	if err != nil {
		return c, err
	}
	c.points = strings.Fields(out)
	c.middle, err = r.git(ctx, append([]string{"rev-list", "--bisect"}, span...)...)
	return c, err
}
