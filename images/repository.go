package images

import (
	"context"

	"github.com/kmodtest/kmodtest/images/internal/apt"
	"github.com/kmodtest/kmodtest/images/internal/pacman"
	"github.com/kmodtest/kmodtest/images/internal/progress"
	"github.com/kmodtest/kmodtest/images/internal/rpm"
)

// RPM names the packages of a kernel in RPM repositories.
type RPM = rpm.Kernel

// Pacman names the packages of a kernel in repositories of Arch Linux.
type Pacman = pacman.Kernel

// repository is like provider. Its methods have no row: file returns the path of a file that the row names.
type repository interface {
	Check() error
	Origin() string
	Place() []string
	Contents() []string
	Fetch(ctx context.Context, file func(string) string, dir string, show *progress.Progress) ([]apt.Package, []string, error)
	FetchRoot(ctx context.Context, file func(string) string, needs []string, dir string, show *progress.Progress) error
}

// fromRepository makes a repository a provider.
type fromRepository struct{ repository }

func (r fromRepository) check() error     { return r.Check() }
func (r fromRepository) origin() string   { return r.Origin() }
func (r fromRepository) place() []string  { return r.Place() }
func (r fromRepository) kernel() []string { return r.Contents() }

func (r fromRepository) fetch(ctx context.Context, row Row, _ Options, dir string, show *progress.Progress) ([]apt.Package, []string, error) {
	return r.Fetch(ctx, row.file, dir, show)
}

func (r fromRepository) fetchRoot(ctx context.Context, row Row, _ Options, needs []string, dir string, show *progress.Progress) error {
	return r.FetchRoot(ctx, row.file, needs, dir, show)
}
