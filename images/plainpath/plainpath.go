// Package plainpath lets programs work in a directory whose path make cannot handle: the kernel's
// makefiles do not support a path with a space. The programs run in a mount namespace of their own, in
// which the directory has a second path.
package plainpath

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/kmodtest/kmodtest/images/internal/mountspace"
)

// View is a directory and the path under which programs see it. The zero value changes nothing.
type View struct {
	dir  string // "" if programs see it under its own path
	seen string
}

// IsPlain reports whether make can build below a path.
func IsPlain(path string) bool { return !strings.ContainsAny(path, " \t:\"'\\$#%;&|<>()*?[]`") }

// New returns a view of dir, which must exist and be absolute. If the path of dir is not plain and the
// system lets this process make no mount namespace, it returns an error that says what to do.
func New(ctx context.Context, dir string) (View, error) {
	if IsPlain(dir) {
		return View{}, nil
	}
	v := View{dir: dir}
	var err error
	if v.seen, err = mountPoint(dir); err != nil {
		return v, err
	}
	cmd := exec.CommandContext(ctx, "true")
	cmd.Dir = dir
	v.Wrap(cmd)
	if said, err := cmd.CombinedOutput(); err != nil {
		return v, fmt.Errorf("modules cannot be built in %q: kernel makefiles do not support such a path, and it cannot be mounted under "+
			"another one for them (%w: %s); set XDG_CACHE_HOME to a path without spaces and special characters", dir, err, strings.TrimSpace(string(said)))
	}
	return v, nil
}

// mountPoint makes an empty private directory. Its path depends on dir only, because compiled files
// contain it.
func mountPoint(dir string) (string, error) {
	base := os.TempDir()
	if !IsPlain(base) {
		base = "/tmp"
	}
	point := filepath.Join(base, fmt.Sprintf("kmodtest-%d-%.12x", os.Getuid(), sha256.Sum256([]byte(dir))))
	if err := os.Mkdir(point, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	info, err := os.Lstat(point)
	if err != nil {
		return "", err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || !info.IsDir() || int(st.Uid) != os.Getuid() {
		return "", fmt.Errorf("%s is not a directory of this user: remove it", point)
	}
	return point, nil
}

// Path returns the path under which programs see a file.
func (v View) Path(path string) string {
	rest, below := strings.CutPrefix(path, v.dir+"/")
	if v.dir == "" || !below {
		return path
	}
	return v.seen + "/" + rest
}

// Back replaces all paths of files, as programs see them, by their real paths.
func (v View) Back(text string) string {
	if v.dir == "" {
		return text
	}
	return strings.ReplaceAll(text, v.seen+"/", v.dir+"/")
}

// Wrap makes a command run where the directory has its second path, in cmd.Dir below it. The paths in
// its arguments and environment are as programs see them.
func (v View) Wrap(cmd *exec.Cmd) {
	if v.dir == "" {
		return
	}
	mountspace.Enter(cmd, `mount --bind "$1" "$2" && cd "$3" && shift 3 && exec "$@"`, v.dir, v.seen, v.Path(cmd.Dir))
}
