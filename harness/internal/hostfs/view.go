// Package hostfs answers a guest's requests for files of the host. The guest may be
// hostile: it gets only what a View shows, and no answer depends on a symbolic link.
package hostfs

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Mode is which files of the host a guest sees.
type Mode string

// The modes.
const (
	None   Mode = "none"   // none
	Module Mode = "module" // those of the module's repository
	All    Mode = "all"    // all that every user of the host may read, too
)

// ParseMode returns the mode of a text.
func ParseMode(text string) (Mode, error) {
	switch mode := Mode(text); mode {
	case None, Module, All:
		return mode, nil
	}
	return None, fmt.Errorf("the visible files of the host are %q; they may be none, module or all", text)
}

// View decides which files of the host a guest sees. All paths are absolute and clean.
type View struct {
	Mode Mode
	// Repository is the directory whose files are visible.
	Repository string
	// Trees are further directories whose files are visible with All, such as Go's,
	// unless the guest has files of its own there.
	Trees []string
	// Hidden are directories of which nothing is visible in any case.
	Hidden []string
}

// IsEmpty reports whether nothing is visible.
func (v View) IsEmpty() bool { return v.Mode != Module && v.Mode != All }

// sight is how a path is visible.
type sight struct {
	whole  bool // whatever its mode is
	public bool // if every user of the host may read it
	leads  bool // as a directory above one that is visible
}

// guestTrees are directories whose files are the guest's own. Only a repository in them is
// visible.
var guestTrees = []string{"/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp"}

// privateNames are the names of files and directories that hold secrets, wherever they
// are. Those with a slash are the ends of paths.
var privateNames = []string{
	".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".netrc", "_netrc", ".git-credentials", ".npmrc", ".pypirc", ".pgpass", ".my.cnf",
	".vault-token", ".password-store", ".mozilla", ".thunderbird", ".gem/credentials", ".cargo/credentials", ".cargo/credentials.toml",
	".m2/settings.xml", ".config/gcloud", ".config/gh", ".config/hub", ".config/git/credentials", ".config/op", ".config/rclone",
	".config/google-chrome", ".config/chromium", ".config/containers", ".config/sops", ".config/age", ".local/share/keyrings",
	".bash_history", ".zsh_history", ".python_history",
}

// at returns how a path is visible, whatever is there.
func (v View) at(name string) sight {
	if v.IsEmpty() || v.isPrivate(name) || isInAny(name, v.Hidden) {
		return sight{}
	}
	trees := []string{v.Repository}
	for _, tree := range v.Trees {
		if v.Mode == All && !isInAny(tree, guestTrees) {
			trees = append(trees, tree)
		}
	}
	return sight{
		whole:  isInAny(name, trees),
		public: v.Mode == All && !isInAny(name, guestTrees),
		leads:  slices.ContainsFunc(trees, func(tree string) bool { return isIn(tree, name) }),
	}
}

// enters reports whether the entries of a directory of this mode may be visible.
func (s sight) enters(mode uint32) bool {
	return s.whole || s.leads || s.public && mode&unix.S_IXOTH != 0
}

// lists reports whether all entries of a directory of this mode may be visible.
func (s sight) lists(mode uint32) bool { return s.whole || s.public && mode&unix.S_IROTH != 0 }

// shows reports whether a file with this st_mode is visible.
func (s sight) shows(mode uint32) bool {
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return s.enters(mode)
	case unix.S_IFLNK:
		return s.whole || s.public
	case unix.S_IFREG:
		return s.whole || s.public && mode&unix.S_IROTH != 0
	}
	return false
}

// isPrivate reports whether a path is that of a secret. In the testdata directories of
// the repository there are none.
func (v View) isPrivate(name string) bool {
	if rest, ok := strings.CutPrefix(name, v.Repository+"/"); ok && v.Repository != "" && slices.Contains(strings.Split(rest, "/"), "testdata") {
		return false
	}
	return slices.ContainsFunc(privateNames, func(private string) bool { return strings.Contains(name+"/", "/"+private+"/") })
}

func isInAny(name string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return isIn(name, dir) })
}

// isIn reports whether a path is that of a directory or in it.
func isIn(name, dir string) bool {
	return dir != "" && (name == dir || strings.HasPrefix(name, strings.TrimSuffix(dir, "/")+"/"))
}

// isClean reports whether a path is absolute and has no parts such as "..".
func isClean(name string) bool { return path.IsAbs(name) && path.Clean(name) == name }

// Exposed returns the repository if it is in a directory where the guest has a file system
// of its own, or "".
func (v View) Exposed() string {
	if v.Repository != "" && isInAny(v.Repository, guestTrees) {
		return v.Repository
	}
	return ""
}
