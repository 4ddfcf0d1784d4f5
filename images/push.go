package images

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kmodtest/kmodtest/images/internal/oci"
	"github.com/kmodtest/kmodtest/images/internal/progress"
)

// Push stores the kernel of a row as an image in a registry. address is oci://REGISTRY/NAME:TAG; the result is the address
// with the image's digest, which a row with [kernel.oci] can name. With root, the build root of the kernel is stored as
// well, for systems whose own tools do not fit the kernel. A kernel that is not in the cache is fetched or built first.
func Push(ctx context.Context, name, address string, root bool, opt Options) (string, error) {
	if isPath(name) {
		return "", fmt.Errorf("push kernel %s: only kernels with a name can be pushed", name)
	}
	kernel, err := Resolve(ctx, name, opt)
	if err != nil {
		return "", err
	}
	pushed, err := push(ctx, kernel, name, address, root, opt)
	if err != nil {
		return "", fmt.Errorf("push kernel %s: %w", name, err)
	}
	return pushed, nil
}

func push(ctx context.Context, kernel *Kernel, name, address string, root bool, opt Options) (_ string, err error) {
	opt, err = opt.withDefaults()
	if err != nil {
		return "", err
	}
	rows, err := RowsFor(opt.Dir)
	if err != nil {
		return "", err
	}
	row, err := findRow(rows, name)
	if err != nil {
		return "", err
	}
	key, err := row.key(ctx)
	if err != nil {
		return "", err
	}
	image := oci.Image{Arch: row.Arch, Kernel: filepath.Join(opt.Cache, "kernels", key)}
	r, err := readRecord(image.Kernel)
	if err != nil {
		return "", err
	}
	switch {
	case root && row.Source != nil:
		return "", errors.New("it has no build root: it was built from source, with the tools of this system")
	case root:
		if image.Root, err = rootFor(ctx, row, r, "also where the image is fetched", opt); err != nil {
			return "", err
		}
	}
	r.Arch, r.Table = row.Arch, "" // that is a path of this system
	if filepath.IsAbs(r.Source) {
		r.Source = filepath.Base(r.Source)
	}
	text, err := json.Marshal(r)
	if err != nil {
		return "", err
	}
	image.Replace = map[string][]byte{recordFile: text}
	scratch, err := os.MkdirTemp("", "kmodtest-push-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(scratch)
	show := progress.New(opt.Progress)
	defer show.Close()
	show.Line("pushing kernel %s, Linux %s, to %s", row.Name, kernel.Release, address)
	return image.Push(ctx, address, scratch)
}

// readPushed returns the record of a kernel that Push stored, in an entry that it was unpacked to.
func readPushed(row Row, entry string) (record, error) {
	r, err := readRecord(entry)
	if err != nil {
		return r, err
	}
	for _, name := range []string{r.Image, r.Boot, r.Build, r.Modules} {
		if name == "" && r.Release != "" {
			continue // such as the modules of a kernel that has none
		}
		if _, err := os.Stat(filepath.Join(entry, name)); !filepath.IsLocal(name) || err != nil {
			return r, fmt.Errorf("the image's %s names the file %q, which is not in the image: push the kernel again", recordFile, name)
		}
	}
	if strings.Contains(r.Release, "/") {
		return r, fmt.Errorf("the image's %s has the release %q, which cannot be the name of a directory", recordFile, r.Release)
	}
	if r.Arch != row.Arch {
		return r, fmt.Errorf("the image has a kernel for %s: its row requires arch = %q", r.Arch, r.Arch)
	}
	if r.Image == "" || r.Boot == "" || r.Key == "" {
		return r, fmt.Errorf("the image's %s is not complete: push the kernel again", recordFile)
	}
	if r.Build != "" {
		// Even a kernel that was built from source may not fit the tools of this system.
		r.Needs = []string{"build root"}
	}
	return r, nil
}
