package hostfs

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Find returns the view of a run for a package in dir. cache is the directory of the
// caches.
func Find(mode Mode, dir, cache string) View {
	v := View{Mode: mode, Repository: Repository(dir), Hidden: existing(cache)}
	if mode == All {
		home, _ := os.UserHomeDir()
		v.Trees = goTrees(home)
	}
	return v
}

// Repository returns the directory of the repository with dir in it, or "" if that would be
// the user's home or all of the system.
func Repository(dir string) string {
	home, _ := os.UserHomeDir()
	if found := repository(dir); found != "/" && found != filepath.Clean(home) {
		return found
	}
	return ""
}

// repository returns the directory of a repository with dir in it: that of the version
// control system, else that of go.mod, else dir itself.
func repository(dir string) string {
	module := ""
	for at := filepath.Clean(dir); at != "/"; at = filepath.Dir(at) {
		has := func(name string) bool {
			_, err := os.Lstat(filepath.Join(at, name))
			return err == nil
		}
		if slices.ContainsFunc([]string{".git", ".hg", ".svn", ".jj"}, has) {
			return at
		}
		if module == "" && has("go.mod") {
			module = at
		}
	}
	if module != "" {
		return module
	}
	return filepath.Clean(dir)
}

// goTrees returns the directories of Go itself and of its modules.
func goTrees(home string) []string {
	trees := []string{os.Getenv("GOROOT"), os.Getenv("GOMODCACHE")}
	if trees[0] == "" {
		if program, err := exec.LookPath("go"); err == nil {
			if program, err = filepath.EvalSymlinks(program); err == nil {
				trees[0] = filepath.Dir(filepath.Dir(program))
			}
		}
	}
	if info, err := os.Stat(filepath.Join(trees[0], "src", "runtime")); err != nil || !info.IsDir() {
		trees[0] = "" // a script of another name
	}
	if trees[1] == "" {
		path := os.Getenv("GOPATH")
		if path == "" && home != "" {
			path = filepath.Join(home, "go")
		}
		if first := filepath.SplitList(path); len(first) > 0 {
			trees[1] = filepath.Join(first[0], "pkg", "mod")
		}
	}
	return existing(trees...)
}

// existing returns those of some directories that exist, without symbolic links in their paths.
func existing(dirs ...string) []string {
	var out []string
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		if path, err := filepath.EvalSymlinks(dir); err == nil && filepath.IsAbs(path) && path != "/" && !slices.Contains(out, path) {
			out = append(out, path)
		}
	}
	return out
}

// places are the directories in which the guest has files of its own.
var places = []string{
	"/bin", "/sbin", "/lib", "/lib64", "/usr", "/usr/bin", "/usr/sbin", "/usr/lib", "/lib/modules", "/usr/lib/modules",
	"/etc", "/boot", "/root", "/var", "/var/tmp", "/var/run", "/tmp", "/etc/passwd", "/etc/group", "/etc/services", "/etc/protocols",
}

// Layout describes what a guest that sees these files remembers of them when it is saved:
// which directories there are, or are links.
func (t Tree) Layout() string {
	if t.View.IsEmpty() {
		return ""
	}
	var b strings.Builder
	b.WriteString("host")
	for _, place := range places {
		if e, err := t.Stat(place); err == nil {
			b.WriteString(" " + place)
			if e.Mode&unix.S_IFMT == unix.S_IFLNK {
				b.WriteString("=" + e.Link)
			}
		}
	}
	return b.String()
}
