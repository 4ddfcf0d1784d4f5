package apt

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/kmodtest/kmodtest/images/internal/command"
)

// ErrNoMirror is returned if neither apt's configuration nor debootstrap names a Debian mirror.
var ErrNoMirror = errors.New("apt's configuration has no Debian mirror, and debootstrap, which knows one, is not installed: " +
	"run apt-get install debootstrap debian-archive-keyring, or set KMODTEST_MIRROR to the address of a Debian mirror, which ends in /debian")

// Mirrors returns addresses for Archive.Mirrors: the Debian mirror that apt on this host uses, or else
// the one that debootstrap uses; then the archives of ended suites that debootstrap knows, if it is
// installed.
func Mirrors(ctx context.Context) ([]string, error) { return mirrors(ctx, os.DirFS("/")) }

// mirrors is Mirrors with debootstrap's files in a file system.
func mirrors(ctx context.Context, root fs.FS) ([]string, error) {
	known, err := readDebootstrap(root)
	if err != nil {
		return nil, err
	}
	first, err := configuredMirror(ctx)
	if errors.Is(err, ErrNoMirror) && known.current != "" {
		first, err = known.current, nil
	}
	if err != nil {
		return nil, err
	}
	return append([]string{first}, known.ended...), nil
}

// configuredMirror returns the address of the Debian mirror that apt on this host uses, or ErrNoMirror.
func configuredMirror(ctx context.Context) (string, error) {
	aptGet, err := command.Find("apt-get", "apt")
	if err != nil {
		return "", err
	}
	targets := func(option ...string) ([]byte, error) {
		args := append([]string{"indextargets", "Created-By: Packages"}, option...)
		out, err := command.Command{Path: aptGet, Args: args}.Run(ctx)
		if err != nil {
			return nil, fmt.Errorf("list apt's mirrors: %w", err)
		}
		return out, nil
	}
	fetched, err := targets()
	if err != nil {
		return "", err
	}
	configured, err := targets("--no-release-info")
	if err != nil {
		return "", err
	}
	release, err := os.ReadFile("/etc/os-release")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("identify the operating system: %w", err)
	}
	return chooseMirror(fetched, configured, isDebian(release))
}

// chooseMirror returns the first mirror whose fetched list identifies it as Debian's own archive. If
// there is none, as in a fresh container, and this is Debian, it returns the first mirror without a
// fetched list, except mirrors for security updates. The archive's signature shows whether that was
// right.
func chooseMirror(fetched, configured []byte, onDebian bool) (string, error) {
	asked := map[string]bool{}
	for _, target := range parseStanzas(fetched) {
		if uri, ok := mirrorOf(target); ok && target["Origin"] == "Debian" && target["Label"] == "Debian" {
			return uri, nil
		}
		asked[target["Repo-URI"]] = true
	}
	for _, target := range parseStanzas(configured) {
		security := strings.Contains(target["Release"], "security")
		if uri, ok := mirrorOf(target); ok && onDebian && !security && !asked[target["Repo-URI"]] {
			return uri, nil
		}
	}
	return "", ErrNoMirror
}

// mirrorOf returns the address of a target's mirror, and whether the mirror holds complete suites.
func mirrorOf(target stanza) (string, bool) {
	uri := strings.TrimSuffix(target["Repo-URI"], "/")
	return uri, uri != "" && target["Component"] == "main" && !strings.HasPrefix(uri, "cdrom:")
}

// isDebian reports whether an os-release(5) file is of Debian itself, not of a derivative.
func isDebian(osRelease []byte) bool {
	lines := bufio.NewScanner(bytes.NewReader(osRelease))
	for lines.Scan() {
		if id, ok := strings.CutPrefix(lines.Text(), "ID="); ok {
			return strings.Trim(id, `"'`) == "debian"
		}
	}
	return false
}
