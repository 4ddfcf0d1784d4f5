package apt

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/kmodtest/kmodtest/images/internal/command"
)

// ErrNoMirror is returned when apt is configured with no mirror of Debian.
var ErrNoMirror = errors.New("apt's configuration names no mirror of Debian")

// Mirror returns the address of the Debian mirror that this machine's apt uses, or ErrNoMirror.
func Mirror(ctx context.Context) (string, error) {
	aptGet, err := command.Find("apt-get", "apt")
	if err != nil {
		return "", err
	}
	targets := func(option ...string) ([]byte, error) {
		args := append([]string{"indextargets", "Created-By: Packages"}, option...)
		out, err := command.Command{Path: aptGet, Args: args}.Run(ctx)
		if err != nil {
			return nil, fmt.Errorf("ask apt for its mirrors: %w", err)
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
		return "", fmt.Errorf("find out which system this is: %w", err)
	}
	return chooseMirror(fetched, configured, isDebian(release))
}

// chooseMirror picks the first mirror that says it is Debian's own archive. Only mirrors whose lists apt has fetched say
// what they are, and in a fresh container that is none; so next, on Debian, comes the first one that apt has not asked yet
// and that is not for security updates. Whether that was right is told by the archive's signature.
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

// mirrorOf returns the address of a target's mirror, if it is one that holds whole suites.
func mirrorOf(target stanza) (string, bool) {
	uri := strings.TrimSuffix(target["Repo-URI"], "/")
	return uri, uri != "" && target["Component"] == "main" && !strings.HasPrefix(uri, "cdrom:")
}

// isDebian reports whether an os-release(5) file is that of Debian itself, not of a system made from it.
func isDebian(osRelease []byte) bool {
	lines := bufio.NewScanner(bytes.NewReader(osRelease))
	for lines.Scan() {
		if id, ok := strings.CutPrefix(lines.Text(), "ID="); ok {
			return strings.Trim(id, `"'`) == "debian"
		}
	}
	return false
}
