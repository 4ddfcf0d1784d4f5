// Package apt fetches packages from any archive in the format of Debian's with apt-get, separately from the
// system's own packages: all state is in a directory of the caller, so it requires no root and does
// not change the system. Proxies, passwords and timeouts in the system's configuration apply.
package apt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kmodtest/kmodtest/images/internal/command"
)

// Archive is one component of one suite. The archive's signature is always verified.
type Archive struct {
	// Mirrors are addresses as in sources.list(5). The first that has the suite is used. All but the first may be
	// archives of ended suites: lists that are no longer valid and keys that Debian no longer uses are accepted there.
	Mirrors      []string
	Suite        string // "bookworm"
	Component    string // "" is main
	Architecture string // "amd64"
	// Keyring is a file with the keys that may sign the archive. "" stands for Debian's, if it is installed.
	Keyring string
	Old     bool   // accept lists that are no longer valid, as those of an archive's earlier versions
	Dir     string // an empty directory for apt's state

	aptGet, aptCache string
	mirror           string // the one that has the suite
}

// Package is one version of a package in an archive.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	SHA256  string `json:"sha256"` // of the .deb file
	Size    int64  `json:"-"`      // of the .deb file, in bytes
	Depends string `json:"-"`      // the field Depends of the archive
}

// ErrNoKeyring is returned if the keys of Debian's archive are not installed.
var ErrNoKeyring = errors.New("the keys of Debian's archive are not installed: run apt-get install debian-archive-keyring")

// keyrings returns the paths where versions of the package debian-archive-keyring install the keys.
func keyrings() []string {
	return []string{"/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp"}
}

// endedKeyrings returns the same for the keys that Debian no longer uses.
func endedKeyrings() []string {
	return []string{"/usr/share/keyrings/debian-archive-removed-keys.gpg", "/usr/share/keyrings/debian-archive-removed-keys.pgp"}
}

// Update fetches the list of packages. It calls progress with the fetched part in percent.
func (a *Archive) Update(ctx context.Context, progress func(percent float64)) error {
	var err error
	if a.aptGet, err = command.Find("apt-get", "apt"); err != nil {
		return err
	}
	if a.aptCache, err = command.Find("apt-cache", "apt"); err != nil {
		return err
	}
	var missing []error
	for i, mirror := range a.Mirrors {
		if err := a.configure(mirror, i > 0); err != nil {
			return fmt.Errorf("prepare apt's directories: %w", err)
		}
		err := a.get(ctx, progress, a.Dir, "update")
		if err == nil {
			a.mirror = mirror
			return nil
		}
		missing = append(missing, fmt.Errorf("fetch the package list of %s from %s: %w", a.Suite, mirror, err))
		if !lacksSuite(err) {
			break
		}
	}
	return errors.Join(missing...)
}

// lacksSuite reports whether apt-get failed because the mirror does not have the suite.
func lacksSuite(err error) bool {
	var failed *command.Error
	return errors.As(err, &failed) && strings.Contains(failed.Stderr, "does not have a Release file")
}

func (a *Archive) configFile() string { return filepath.Join(a.Dir, "apt.conf") }

// configure writes the files that apt needs to work in a.Dir with a mirror.
func (a *Archive) configure(mirror string, ended bool) error {
	source, err := a.source(mirror, ended)
	if err != nil {
		return err
	}
	for _, dir := range []string{"state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(a.Dir, dir), 0o700); err != nil {
			return err
		}
	}
	for name, content := range map[string]string{"apt.conf": a.config(), "sources.list": source, "status": ""} {
		if err := os.WriteFile(filepath.Join(a.Dir, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// source returns the line of sources.list(5) for a mirror.
func (a *Archive) source(mirror string, ended bool) (string, error) {
	keyring, component, validity := a.Keyring, cmp.Or(a.Component, "main"), ""
	var err error
	if keyring == "" {
		keyring, err = findKeyring(keyrings())
	} else if _, err = os.Stat(keyring); err != nil {
		err = fmt.Errorf("find the keys of the archive: %w", err)
	}
	if err != nil {
		return "", err
	}
	if ended || a.Old {
		validity = " check-valid-until=no"
	}
	if ended {
		switch more, err := findKeyring(endedKeyrings()); {
		case err == nil:
			keyring += "," + more
		case !errors.Is(err, ErrNoKeyring): // some versions of the package have no such keys
			return "", err
		}
	}
	return fmt.Sprintf("deb [arch=%s target=Packages signed-by=%s%s] %s %s %s\n", a.Architecture, keyring, validity, mirror, a.Suite, component), nil
}

// config returns apt's configuration for the option -c, which overrides the system's configuration.
func (a *Archive) config() string {
	in := func(name string) string { return strconv.Quote(filepath.Join(a.Dir, name)) }
	return strings.Join([]string{
		"Dir::State " + in("state") + ";",
		"Dir::State::lists " + in("state/lists") + ";",
		"Dir::State::status " + in("status") + ";",
		"Dir::Cache " + in("cache") + ";",
		"Dir::Cache::archives " + in("cache/archives") + ";",
		`Dir::Cache::pkgcache "pkgcache.bin";`, // without it, as in some containers, every query parses the list again
		`Dir::Cache::srcpkgcache "";`,
		"Dir::Etc::sourcelist " + in("sources.list") + ";",
		`Dir::Etc::sourceparts "/dev/null";`,
		`Dir::Etc::preferences "/dev/null";`,
		`Dir::Etc::preferencesparts "/dev/null";`,
		`Dir::Etc::trusted "/dev/null";`, // trust only the keyring in sources.list
		`Dir::Etc::trustedparts "/dev/null";`,
		`Acquire::AllowInsecureRepositories "false";`,
		`Acquire::Languages "none";`,
		`Acquire::Retries "3";`,
		`APT::Get::AllowUnauthenticated "false";`,
		fmt.Sprintf("APT::Architecture %q;", a.Architecture),
		"#clear APT::Architectures;",
		fmt.Sprintf("APT::Architectures { %q; };", a.Architecture),
		`APT::Sandbox::User "root";`,     // apt's own user cannot access the cache of root; an ordinary user has no sandbox anyway
		"#clear APT::Update;",            // the system's hooks after an update are for its own lists
		`APT::Update::Error-Mode "any";`, // otherwise a mirror that does not answer only causes a warning
		"",
	}, "\n")
}

func findKeyring(paths []string) (string, error) {
	for _, path := range paths {
		switch _, err := os.Stat(path); {
		case err == nil:
			return path, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", err
		}
	}
	return "", ErrNoKeyring
}

// Find returns the newest version of the packages whose names match pattern, as in path.Match. It is
// an error if no name matches.
func (a *Archive) Find(ctx context.Context, pattern string) (Package, error) {
	prefix, _, _ := strings.Cut(pattern, "*")
	names, err := a.ask(ctx, "pkgnames", prefix)
	if err != nil {
		return Package{}, err
	}
	matching, err := matchNames(strings.Fields(string(names)), pattern)
	if err != nil {
		return Package{}, err
	}
	if len(matching) == 0 {
		return Package{}, fmt.Errorf("no package of %s (%s) matches %s", a.Suite, a.Architecture, pattern)
	}
	found, err := a.ask(ctx, append([]string{"show"}, matching...)...)
	if err != nil {
		return Package{}, err
	}
	return newest(parseStanzas(found))
}

func (a *Archive) ask(ctx context.Context, args ...string) ([]byte, error) {
	return command.Command{Path: a.aptCache, Args: append(args, "-c", a.configFile())}.Run(ctx)
}

func matchNames(names []string, pattern string) ([]string, error) {
	var matching []string
	for _, name := range names {
		ok, err := path.Match(pattern, name)
		if err != nil {
			return nil, fmt.Errorf("match packages with %q: %w", pattern, err)
		}
		if ok {
			matching = append(matching, name)
		}
	}
	return matching, nil
}

// newest returns the package with the highest version that has a file.
func newest(stanzas []stanza) (Package, error) {
	var best stanza
	for _, s := range stanzas {
		if s["Package"] != "" && s["SHA256"] != "" && (best == nil || CompareVersions(s["Version"], best["Version"]) > 0) {
			best = s
		}
	}
	if best == nil {
		return Package{}, errors.New("apt lists the package but no file for it")
	}
	size, err := strconv.ParseInt(best["Size"], 10, 64)
	if err != nil {
		return Package{}, fmt.Errorf("read size of package %s: %w", best["Package"], err)
	}
	return Package{
		Name: best["Package"], Version: best["Version"], SHA256: best["SHA256"], Size: size, Depends: best["Depends"],
	}, nil
}

// DependsOn returns the names of the packages that p depends on: the first one of alternatives.
func (p Package) DependsOn() []string {
	var names []string
	for clause := range strings.SplitSeq(p.Depends, ",") {
		if words := strings.Fields(clause); len(words) > 0 {
			names = append(names, words[0])
		}
	}
	return names
}
