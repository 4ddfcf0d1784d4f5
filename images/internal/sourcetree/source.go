package sourcetree

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/kmodtest/kmodtest/images/cache"
	"github.com/kmodtest/kmodtest/images/internal/fetch"
	"github.com/kmodtest/kmodtest/images/internal/kernelbuild"
)

// Source describes the sources and the configuration of a kernel. The sources are a Debian package
// (Suite, Package), an archive (URL, SHA256), or a directory (Path, optionally with Ref).
type Source struct {
	Suite     string   `toml:"suite"`
	Package   string   `toml:"package"` // a pattern as in path.Match
	URL       string   `toml:"url"`
	SHA256    string   `toml:"sha256"` // in hex
	Path      string   `toml:"path"`   // relative to the table
	Ref       string   `toml:"ref"`    // a revision as in git rev-parse
	Fragments []string `toml:"fragments"`
	Variables []string `toml:"variables"` // NAME=VALUE, for make
	Objects   int      `toml:"objects"`   // approximate number of compiled files, for the first progress bar
}

// Tools returns the programs that reading and building the sources requires, besides those that
// every kernel does.
func (s *Source) Tools() []kernelbuild.Tool {
	tools := kernelbuild.LLVM(s.Variables)
	switch {
	case s.Package != "":
		return append(tools, kernelbuild.DebianPackage...)
	case s.Ref != "":
		return append(tools, kernelbuild.GitCommit...)
	}
	return tools
}

var hexSHA256 = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)

// Check returns an error if fields are missing, or do not fit together.
func (s *Source) Check() error {
	places := 0
	for _, place := range []string{s.Package, s.URL, s.Path} {
		if place != "" {
			places++
		}
	}
	switch {
	case places != 1:
		return errors.New("requires one of: suite and package, url and sha256, path")
	case (s.Package != "") != (s.Suite != ""):
		return errors.New("requires suite and package together")
	case s.URL != "" && !hexSHA256.MatchString(s.SHA256):
		return errors.New("requires the sha256 of the archive at url, 64 hex digits")
	case s.Ref != "" && s.Path == "":
		return errors.New("allows ref only with path")
	case len(s.Fragments) == 0:
		return errors.New("names no fragments: the configuration starts from allnoconfig, which cannot boot; begin with base.config")
	}
	return nil
}

// Key returns the cache key of the archive with the sources, which sources that are the same share. layout changes with what
// is kept of a package.
func (s *Source) Key(layout string) string {
	if s.URL != "" {
		return strings.ToLower(s.SHA256)[:32]
	}
	return cache.Digest(layout, s.Suite, s.Package)[:32]
}

// mostBytes is the largest size of an archive with sources: five times that of Linux 7.
const mostBytes = 1 << 30

// FetchURL fetches the archive at the address and checks its sum.
func (s *Source) FetchURL(ctx context.Context, to string, progress func(percent float64)) error {
	return fetch.File{URL: s.URL, SHA256: s.SHA256, Most: mostBytes}.To(ctx, to, progress)
}
