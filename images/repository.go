package images

import (
	"context"

	"github.com/kmodtest/kmodtest/images/internal/apt"
	"github.com/kmodtest/kmodtest/images/internal/oci"
	"github.com/kmodtest/kmodtest/images/internal/pacman"
	"github.com/kmodtest/kmodtest/images/internal/progress"
	"github.com/kmodtest/kmodtest/images/internal/rpm"
)

// RPM names the packages of a kernel in RPM repositories.
type RPM = rpm.Kernel

// Pacman names the packages of a kernel in repositories of Arch Linux.
type Pacman = pacman.Kernel

// OCI names an image with a kernel in a registry of containers.
type OCI = oci.Kernel

// repository is like provider. Its methods have no row: file returns the path of a file that the row names.
type repository interface {
	kernelTable
	Fetch(ctx context.Context, file func(string) string, dir string, show *progress.Progress) ([]apt.Package, []string, error)
	FetchRoot(ctx context.Context, file func(string) string, needs []string, dir string, show *progress.Progress) error
}

// fromRepository makes a repository a provider.
type fromRepository struct{ repository }

func (r fromRepository) fetch(ctx context.Context, row Row, _ Options, dir string, show *progress.Progress) ([]apt.Package, []string, error) {
	return r.Fetch(ctx, row.file, dir, show)
}

func (r fromRepository) fetchRoot(ctx context.Context, row Row, _ Options, needs []string, dir string, show *progress.Progress) error {
	return r.FetchRoot(ctx, row.file, needs, dir, show)
}
