package pacman

import (
	"fmt"
	"os"
	"strings"

	"github.com/kmodtest/kmodtest/images/internal/unpack"
)

// information is the file of a package with its name and version.
const information = ".PKGINFO"

// Unpack writes the files of a package. It checks that the file is the package that the list names: the list itself is not
// signed.
func Unpack(p Package, file string, target *unpack.Target) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	content, done, err := unpack.Decompress(f)
	if err != nil {
		return fmt.Errorf("unpack package %s: %w", p.Name, err)
	}
	defer done()
	// Files whose name begins with a dot describe the package.
	keep := func(name string) bool { return name == information || !strings.HasPrefix(name, ".") }
	if err := target.Tar(content, keep); err != nil {
		return fmt.Errorf("unpack package %s: %w", p.Name, err)
	}
	if err := checkInformation(target, p); err != nil {
		return fmt.Errorf("verify package %s: %w", p.Name, err)
	}
	return nil
}

// checkInformation compares and removes the file with the name and the version.
func checkInformation(target *unpack.Target, p Package) error {
	text, err := target.Take(information, mostDescription)
	if err != nil {
		return fmt.Errorf("it has no file %s: %w", information, err)
	}
	var name, version string
	for line := range strings.SplitSeq(string(text), "\n") {
		switch key, value, _ := strings.Cut(line, " = "); key {
		case "pkgname":
			name = value
		case "pkgver":
			version = value
		}
	}
	if name != p.Name || version != p.Version {
		return fmt.Errorf("the repository's list names %s %s, but the file is %s %s", p.Name, p.Version, name, version)
	}
	return nil
}
