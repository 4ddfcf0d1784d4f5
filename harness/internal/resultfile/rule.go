package resultfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/keep"
	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Rule is a pattern for files of the guest, and where they go.
type Rule struct {
	Pattern string // for absolute paths in the guest
	Dir     string // on the host: the place of the directory that is above all of the files
}

// Rules are those of a run. A file goes where the first rule that matches puts it.
type Rules []Rule

// ParseRules returns the rules of Config.Keep, which has absolute paths. Without a directory,
// the files go to the same paths on the host, which must be in the repository.
func ParseRules(texts []string, repository string) (Rules, error) {
	var rules Rules
	for _, text := range texts {
		rule, err := parseRule(text, repository)
		if err != nil {
			return nil, fmt.Errorf("keep files %q: %w", text, err)
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

func parseRule(text, repository string) (Rule, error) {
	pattern, dir, moved := request.CutKeep(text)
	if _, err := path.Match(pattern, ""); err != nil {
		return Rule{}, err
	}
	if pattern == "/" {
		return Rule{}, errors.New("it names no file")
	}
	r := Rule{Pattern: pattern, Dir: dir}
	if !moved {
		r.Dir = keep.Stem(pattern)
		if repository == "" || pattern != repository && !strings.HasPrefix(r.Dir+"/", repository+"/") {
			return r, fmt.Errorf("they are not in the repository of the package, and nothing else of the host is overwritten; name a directory for them: %s:DIRECTORY", pattern)
		}
	}
	if keep.IsForbidden(r.Dir) || keep.IsForbidden(pattern) {
		return r, errors.New("files of version control are not written")
	}
	return r, nil
}

// Patterns returns the patterns, for the guest.
func (rules Rules) Patterns() []string {
	var patterns []string
	for _, r := range rules {
		patterns = append(patterns, r.Pattern)
	}
	return patterns
}

// Mkdir returns the directories of the host in which the guest writes such files.
func (rules Rules) Mkdir() []string {
	var dirs []string
	for _, r := range rules {
		if info, err := os.Stat(r.Dir); err == nil && info.IsDir() && r.Dir == keep.Stem(r.Pattern) {
			dirs = append(dirs, r.Dir)
		}
	}
	return dirs
}

// Create makes a file that the guest sends because of a rule. ok is false if there is no
// rule for it.
func (rules Rules) Create(head wire.FileHead) (sink wire.Sink, ok bool, err error) {
	name := filepath.Clean("/" + head.Name)
	for _, r := range rules {
		if !keep.Matches(r.Pattern, name) {
			continue
		}
		below := keep.Below(r.Pattern, name)
		if err := checkKept(r.Dir, below, head.Mode); err != nil {
			return nil, true, fmt.Errorf("the guest sent %q: %w", name, err)
		}
		sink, err := Below(r.Dir, below, false)
		return sink, true, err
	}
	return nil, false, nil
}

// checkKept returns an error unless a file may be written below a directory.
func checkKept(dir, name string, mode fs.FileMode) error {
	if !mode.IsRegular() {
		return fmt.Errorf("it is not a regular file (%v)", mode)
	}
	if err := wire.CheckName(name); err != nil {
		return err
	}
	if keep.IsForbidden(name) {
		return errors.New("files of version control are not written")
	}
	parts := strings.Split(name, "/")
	for i := range parts { // what is there already is the user's, and a link may lead elsewhere
		at := filepath.Join(dir, filepath.Join(parts[:i+1]...))
		info, err := os.Lstat(at)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if isLast := i == len(parts)-1; isLast && !info.Mode().IsRegular() || !isLast && !info.IsDir() {
			return fmt.Errorf("%s of the host is something else (%v)", at, info.Mode())
		}
	}
	return nil
}
