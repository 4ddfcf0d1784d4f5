// Package rpm finds, fetches, verifies and unpacks packages of RPM repositories, without a program of the host.
package rpm

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/sassoftware/go-rpmutils"

	"github.com/kmodtest/kmodtest/images/internal/fetch"
	"github.com/kmodtest/kmodtest/images/internal/unpack"
)

// Package is one version of a package in a repository.
type Package struct {
	Name     string
	Epoch    string
	Version  string
	Release  string
	URL      string
	SHA256   string // as the repository's list says
	Size     int64  // of the .rpm file, in bytes
	Provides []string
	Requires []string
	Files    []string // those that other packages may require, such as /usr/bin/sh
}

// EVR returns the version for people: VERSION-RELEASE.
func (p Package) EVR() string { return p.Version + "-" + p.Release }

func (p Package) newerThan(q Package) bool {
	of := func(p Package) rpmutils.NEVRA {
		return rpmutils.NEVRA{Epoch: p.Epoch, Version: p.Version, Release: p.Release}
	}
	return rpmutils.NEVRAcmp(of(p), of(q)) > 0
}

// Limits for what a server sends, in bytes.
const (
	mostIndex   = 1 << 20
	mostList    = 256 << 20
	mostXML     = 2 << 30
	mostPackage = 2 << 30
)

// Read returns the packages of a repository for a machine: x86_64, or as uname -m prints it there. Files are fetched into dir, and removed.
func Read(ctx context.Context, baseURL, machine, dir string, progress func(percent float64)) ([]Package, error) {
	baseURL = strings.TrimRight(baseURL, "/")
	fail := func(err error) error { return fmt.Errorf("fetch the package list of %s: %w", baseURL, err) }
	index, list := filepath.Join(dir, "repomd.xml"), filepath.Join(dir, "primary")
	if err := (fetch.File{URL: baseURL + "/repodata/repomd.xml", Most: mostIndex}).To(ctx, index, func(float64) {}); err != nil {
		return nil, fail(err)
	}
	defer os.Remove(index)
	at, err := findPrimary(index)
	if err != nil {
		return nil, fail(err)
	}
	if err := (fetch.File{URL: baseURL + "/" + at.Location.Href, SHA256: at.Checksum.Value, Most: mostList}).To(ctx, list, progress); err != nil {
		return nil, fail(err)
	}
	defer os.Remove(list)
	packages, err := readPrimary(list, at.Location.Href, baseURL, machine)
	if err != nil {
		return nil, fail(err)
	}
	return packages, nil
}

// location is the element of repository lists that names a file.
type location struct {
	Href string `xml:"href,attr"`
}

type checksum struct {
	Type  string `xml:"type,attr"`
	Value string `xml:",chardata"`
}

type data struct {
	Type     string   `xml:"type,attr"`
	Checksum checksum `xml:"checksum"`
	Location location `xml:"location"`
}

// findPrimary returns the place of the package list in a repository's index.
func findPrimary(index string) (data, error) {
	text, err := os.ReadFile(index)
	if err != nil {
		return data{}, err
	}
	var all struct {
		Data []data `xml:"data"`
	}
	if err := xml.Unmarshal(text, &all); err != nil {
		return data{}, fmt.Errorf("repomd.xml: %w", err)
	}
	for _, d := range all.Data {
		if d.Type == "primary" {
			return d, errors.Join(d.Checksum.check(), d.Location.check())
		}
	}
	return data{}, errors.New("repomd.xml names no list of type primary")
}

func (c checksum) check() error {
	if c.Type != "sha256" || len(c.Value) != 64 {
		return fmt.Errorf("it has checksums of type %q, want sha256", c.Type)
	}
	return nil
}

// check refuses a name that leads out of the repository.
func (l location) check() error {
	if l.Href == "" || strings.Contains(l.Href, ":") || path.Clean("/"+l.Href) != "/"+l.Href {
		return fmt.Errorf("it names a file %q, which is not in the repository", l.Href)
	}
	return nil
}

type entry struct {
	Name string `xml:"name,attr"`
}

type listed struct {
	Name    string `xml:"name"`
	Arch    string `xml:"arch"`
	Version struct {
		Epoch   string `xml:"epoch,attr"`
		Version string `xml:"ver,attr"`
		Release string `xml:"rel,attr"`
	} `xml:"version"`
	Checksum checksum `xml:"checksum"`
	Size     struct {
		Package int64 `xml:"package,attr"`
	} `xml:"size"`
	Location location `xml:"location"`
	Format   struct {
		Provides struct {
			Entries []entry `xml:"entry"`
		} `xml:"provides"`
		Requires struct {
			Entries []entry `xml:"entry"`
		} `xml:"requires"`
		Files []string `xml:"file"`
	} `xml:"format"`
}

// readPrimary reads a list of packages, and leaves out those for other machines.
func readPrimary(file, name, baseURL, machine string) ([]Package, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, done, err := unpack.Decompress(f)
	if err != nil {
		return nil, err
	}
	defer done()
	decoder := xml.NewDecoder(io.LimitReader(text, mostXML))
	var packages []Package
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return packages, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != "package" {
			continue
		}
		var l listed
		if err := decoder.DecodeElement(&l, &start); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if l.Arch != machine && l.Arch != "noarch" {
			continue
		}
		p, err := l.pkg(baseURL)
		if err != nil {
			return nil, fmt.Errorf("%s, package %s: %w", name, l.Name, err)
		}
		packages = append(packages, p)
	}
}

func (l listed) pkg(baseURL string) (Package, error) {
	if err := errors.Join(l.Checksum.check(), l.Location.check()); err != nil {
		return Package{}, err
	}
	p := Package{
		Name: l.Name, Epoch: l.Version.Epoch, Version: l.Version.Version, Release: l.Version.Release,
		URL: baseURL + "/" + l.Location.Href, SHA256: l.Checksum.Value, Size: l.Size.Package, Files: l.Format.Files,
	}
	for _, e := range l.Format.Provides.Entries {
		p.Provides = append(p.Provides, e.Name)
	}
	for _, e := range l.Format.Requires.Entries {
		p.Requires = append(p.Requires, e.Name)
	}
	return p, nil
}
