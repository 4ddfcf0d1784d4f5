// Package pacman finds, fetches, verifies and unpacks packages of repositories for pacman, the package manager of Arch
// Linux, without a program of the host.
package pacman

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/kmodtest/kmodtest/images/internal/fetch"
	"github.com/kmodtest/kmodtest/images/internal/unpack"
)

// Package is a package in a repository, which has one version of each.
type Package struct {
	Name     string
	Version  string
	URL      string
	SHA256   string // as the repository's list says
	Provides []string
	Depends  []string
}

// Limits for what a server sends, in bytes.
const (
	mostList        = 256 << 20
	mostDescription = 1 << 20
	mostSignature   = 1 << 16
	mostPackage     = 2 << 30
)

// Read returns the packages of a repository. address is that of its list, such as …/core/os/x86_64/core.db, and the packages
// are beside it. The list is fetched into dir, and removed.
func Read(ctx context.Context, address, dir string, progress func(percent float64)) ([]Package, error) {
	list := filepath.Join(dir, "list.db")
	fail := func(err error) error { return fmt.Errorf("fetch the package list %s: %w", address, err) }
	if err := (fetch.File{URL: address, Most: mostList}).To(ctx, list, progress); err != nil {
		return nil, fail(err)
	}
	packages, err := readList(list, strings.TrimSuffix(address, path.Base(address)))
	if err = errors.Join(err, os.Remove(list)); err != nil {
		return nil, fail(err)
	}
	return packages, nil
}

// readList reads a list of packages: an archive with a file desc for each.
func readList(file, baseURL string) ([]Package, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, done, err := unpack.Decompress(f)
	if err != nil {
		return nil, err
	}
	defer done()
	var packages []Package
	for archive := tar.NewReader(content); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if path.Base(header.Name) != "desc" {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(archive, mostDescription))
		if err != nil {
			return nil, err
		}
		p, err := parseDescription(string(text), baseURL)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", header.Name, err)
		}
		packages = append(packages, p)
	}
	if len(packages) == 0 {
		return nil, errors.New("it has no packages")
	}
	return packages, nil
}

// parseDescription parses blocks of lines that are separated by empty lines: %FIELD%, and its values.
func parseDescription(text, baseURL string) (Package, error) {
	fields := map[string][]string{}
	for block := range strings.SplitSeq(text, "\n\n") {
		lines := strings.Split(strings.TrimSpace(block), "\n")
		fields[strings.Trim(lines[0], "%")] = lines[1:]
	}
	one := func(name string) string { return strings.Join(fields[name], " ") }
	p := Package{
		Name: one("NAME"), Version: one("VERSION"), URL: baseURL + one("FILENAME"), SHA256: one("SHA256SUM"),
		Depends: names(fields["DEPENDS"]), Provides: names(fields["PROVIDES"]),
	}
	switch file := one("FILENAME"); {
	case p.Name == "" || p.Version == "":
		return p, errors.New("it has no name or no version")
	case file == "" || file != path.Base(file) || strings.ContainsAny(file, ":?#% "):
		return p, fmt.Errorf("it names a file %q, which is not in the repository", file)
	case len(p.SHA256) != 64:
		return p, fmt.Errorf("package %s has no SHA-256", p.Name)
	}
	return p, nil
}

// names removes conditions on versions: "glibc>=2.38" is glibc, and "libelf.so=1-64" is libelf.so.
func names(list []string) []string {
	var all []string
	for _, what := range list {
		if i := strings.IndexAny(what, "<>="); i >= 0 {
			what = what[:i]
		}
		all = append(all, what)
	}
	return all
}
