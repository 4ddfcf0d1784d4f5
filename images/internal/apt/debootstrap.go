package apt

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
)

// Places where the package debootstrap, of Debian and of derivatives, installs its files.
const (
	debootstrapProgram = "usr/sbin/debootstrap"
	debootstrapScripts = "usr/share/debootstrap/scripts"
)

// debootstrap has the addresses that the package debootstrap knows.
type debootstrap struct {
	current string   // a mirror with the suites that Debian supports; "" if debootstrap is not installed
	ended   []string // archives of suites whose support has ended
}

var (
	programMirror = regexp.MustCompile(`(?m)^DEF_MIRROR=["']?(https?://[^\s"'$]+?)/*["']?$`)
	scriptMirror  = regexp.MustCompile(`(?m)^default_mirror ["']?(https?://[^\s"'$]+?)/*["']?$`)
	scriptKeyring = regexp.MustCompile(`(?m)^keyring /usr/share/keyrings/debian-archive-`)
)

// readDebootstrap reads debootstrap's program, which sets a mirror for all suites, and its scripts for
// suites of Debian, of which some set another mirror: sid's is the script of supported suites. The
// archive's signature shows whether an address is right.
func readDebootstrap(root fs.FS) (debootstrap, error) {
	var known debootstrap
	program, err := fs.ReadFile(root, debootstrapProgram)
	if errors.Is(err, fs.ErrNotExist) {
		return known, nil
	}
	if err != nil {
		return known, fmt.Errorf("read the mirror of debootstrap: %w", err)
	}
	known.current = address(programMirror, program)
	entries, err := fs.ReadDir(root, debootstrapScripts)
	if err != nil {
		return known, fmt.Errorf("read the scripts of debootstrap: %w", err)
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() { // most are links, one for each suite
			continue
		}
		script, err := fs.ReadFile(root, path.Join(debootstrapScripts, entry.Name()))
		if err != nil {
			return known, fmt.Errorf("read a script of debootstrap: %w", err)
		}
		found := address(scriptMirror, script)
		switch {
		case found == "" || !scriptKeyring.Match(script):
		case entry.Name() == "sid":
			known.current = found
		case !slices.Contains(known.ended, found):
			known.ended = append(known.ended, found)
		}
	}
	return known, nil
}

// address returns the address in the first line that matches, or "".
func address(line *regexp.Regexp, text []byte) string {
	found := line.FindSubmatch(text)
	if found == nil {
		return ""
	}
	return string(found[1])
}
