package hostfs

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestViewShowsOnlyWhatItsModeNames(t *testing.T) {
	const dir, file, link = unix.S_IFDIR | 0o755, unix.S_IFREG | 0o644, unix.S_IFLNK | 0o777
	base := View{Repository: "/home/u/repo", Trees: []string{"/home/u/go/pkg/mod", "/tmp/go/pkg/mod"}, Hidden: []string{"/home/u/.cache/kmodtest"}}
	for _, c := range []struct {
		path        string
		mode        uint32
		module, all bool
	}{
		{"/", dir, true, true},
		{"/home", dir, true, true},
		{"/home/u", unix.S_IFDIR | 0o700, true, true},
		{"/home/u/repo", dir, true, true},
		{"/home/u/repo/x", unix.S_IFREG | 0o600, true, true},
		{"/home/u/repository", file, false, true},
		{"/home/u/repo/link", link, true, true},
		{"/home/u/repo/fifo", unix.S_IFIFO | 0o644, false, false},
		{"/home/u/repo/device", unix.S_IFCHR | 0o666, false, false},
		{"/home/u/repo/.netrc", file, false, false},
		{"/home/u/repo/testdata/.netrc", file, true, true},
		{"/home/u/testdata/.netrc", file, false, false},
		{"/home/u/go/pkg/mod/m@v1/f", unix.S_IFREG | 0o400, false, true},
		{"/home/u/go", unix.S_IFDIR | 0o700, false, true},
		{"/home/u/go/bin", unix.S_IFDIR | 0o700, false, false},
		{"/home/u/.cache/kmodtest/x", file, false, false},
		{"/home/u/.ssh/config", file, false, false},
		{"/mnt/.aws", dir, false, false},
		{"/home/u/.config/gh/hosts.yml", file, false, false},
		{"/home/u/.config/git/config", file, false, true},
		{"/usr/bin/ls", unix.S_IFREG | 0o755, false, true},
		{"/bin", link, false, true},
		{"/etc/shadow", unix.S_IFREG | 0o640, false, false},
		{"/var/lib/private", unix.S_IFDIR | 0o700, false, false},
		{"/proc/1", dir, false, false},
		{"/sys", dir, false, false},
		{"/dev/sda", file, false, false},
		{"/tmp/x", file, false, false},
		{"/tmp/go/pkg/mod/m@v1/f", file, false, false},
		{"/tmp", dir, false, false},
		{"/run", dir, false, false},
		{"/runner", dir, false, true},
	} {
		for mode, want := range map[Mode]bool{None: false, "": false, Module: c.module, All: c.all} {
			v := base
			v.Mode = mode
			if got := v.at(c.path).shows(c.mode); got != want {
				t.Errorf("%q with mode %q (%o): visible %v, want %v", c.path, mode, c.mode, got, want)
			}
		}
	}
}

func TestWithoutRepositoryNoSecretIsVisible(t *testing.T) {
	v := View{Mode: All}
	for _, path := range []string{"/home/u/testdata/.aws/credentials", "/testdata/.netrc"} {
		if v.at(path).shows(unix.S_IFREG | 0o644) {
			t.Errorf("%q is visible", path)
		}
	}
}

func TestRepositoryInDirectoryOfGuestIsExposed(t *testing.T) {
	for repository, want := range map[string]string{"/tmp/repo": "/tmp/repo", "/home/u/repo": "", "/tmpfiles": "", "": ""} {
		v := View{Mode: Module, Repository: repository}
		if got := v.Exposed(); got != want {
			t.Errorf("%q: %q, want %q", repository, got, want)
		}
		if repository != "" && (!v.at(repository).whole || !v.at(filepath.Dir(repository)).leads) {
			t.Errorf("%q is not visible", repository)
		}
	}
}

func TestRepositoryIsFound(t *testing.T) {
	top := t.TempDir()
	for _, dir := range []string{"git/.git", "git/module/package", "module/package", "plain/dir"} {
		if err := os.MkdirAll(filepath.Join(top, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"git/module/go.mod", "module/go.mod"} {
		if err := os.WriteFile(filepath.Join(top, file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for dir, want := range map[string]string{"git/module/package": "git", "module/package": "module", "plain/dir": "plain/dir"} {
		if got := Find(Module, filepath.Join(top, dir), "/nonexistent").Repository; got != filepath.Join(top, want) {
			t.Errorf("%s: %s, want %s", dir, got, want)
		}
	}
	t.Setenv("HOME", filepath.Join(top, "git"))
	for _, dir := range []string{"/", filepath.Join(top, "git", "module")} {
		if got := Find(All, dir, "/nonexistent").Repository; got != "" {
			t.Errorf("%s: %s, want none: it would be the whole system or the user's home", dir, got)
		}
	}
}
