package initramfs

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/u-root/u-root/pkg/cpio"
)

// File is a file, directory or symbolic link of the host that the guest gets.
type File struct {
	Path string      // in the guest
	from string      // on the host, if it is another one; then it is not a link
	link string      // the target, if it is a symbolic link
	info fs.FileInfo // of a link itself, not of its target; nil for a link that the host does not have
}

// MissingFileError reports that the host has no file that Config.Files names.
type MissingFileError struct{ Name string }

func (e *MissingFileError) Error() string {
	if strings.Contains(e.Name, "/") {
		return fmt.Sprintf("Config.Files: there is no %s on this system", e.Name)
	}
	return fmt.Sprintf("Config.Files: there is no program %s in PATH, /usr/sbin or /sbin: install it, or name a path with a slash", e.Name)
}

// FindFiles returns the files that Config.Files names: absolute paths, patterns
// as in path/filepath.Match, names of programs, and HOSTPATH:GUESTPATH. It includes the contents of
// directories, the targets of symbolic links, and the shared libraries of ELF
// files that the host can run. If there is no such file, the error is a
// *MissingFileError.
func FindFiles(names []string) ([]File, error) {
	c := collection{files: map[string]File{}, libraries: true}
	for _, name := range names {
		if from, place, moved := strings.Cut(name, ":/"); moved {
			if err := c.move(from, "/"+place); err != nil {
				return nil, fmt.Errorf("Config.Files: %s: %w", name, err)
			}
			continue
		}
		paths, err := c.expand(name)
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			if err := c.add(path); err != nil {
				return nil, fmt.Errorf("Config.Files: %s: %w", name, err)
			}
		}
	}
	return c.sorted(), nil
}

// CheckSize returns an error if files cannot fit into a guest with a memory of mib MiB, in
// which it keeps them.
func CheckSize(files []File, mib int) error {
	var largest File
	var sum, most int64
	for _, f := range files {
		if f.info == nil || !f.info.Mode().IsRegular() {
			continue
		}
		sum += f.info.Size()
		if f.info.Size() > most {
			largest, most = f, f.info.Size()
		}
	}
	if sum>>20 <= int64(mib) {
		return nil
	}
	return fmt.Errorf("the files for the guest take %d MiB, %s alone %d MiB, and the guest keeps files in its memory of %d MiB: "+
		"move files elsewhere, or give it more (harness.Config.Memory, or memory in kmodtest.toml)", sum>>20, cmp.Or(largest.from, largest.Path), most>>20, mib)
}

// FollowLinks returns the files at paths, including the contents of directories
// and the targets of symbolic links.
func FollowLinks(paths []string) ([]File, error) {
	c := collection{files: map[string]File{}}
	for _, path := range paths {
		if err := c.add(path); err != nil {
			return nil, err
		}
	}
	return c.sorted(), nil
}

// collection holds the files found so far.
type collection struct {
	files     map[string]File // by path
	libraries bool            // include the shared libraries of ELF files
}

// sorted returns the files by path, so a directory precedes its contents.
func (c collection) sorted() []File {
	var out []File
	for _, path := range slices.Sorted(maps.Keys(c.files)) {
		out = append(out, c.files[path])
	}
	return out
}

// expand returns the paths for a name. For a program, it adds a link in a
// directory of the guest's PATH.
func (c collection) expand(name string) ([]string, error) {
	if strings.Contains(name, "/") {
		paths, err := filepath.Glob(name)
		if err == nil && len(paths) == 0 {
			err = &MissingFileError{name}
		}
		return paths, err
	}
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err != nil || !filepath.IsAbs(path) || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
			continue
		}
		if link := "/bin/" + name; link != path {
			c.files[link] = File{Path: link, link: path}
		}
		return []string{path}, nil
	}
	return nil, &MissingFileError{name}
}

// move adds the file or directory at a path of the host under another path. Symbolic
// links are replaced by their targets.
func (c collection) move(from, place string) error {
	info, err := os.Stat(from)
	if errors.Is(err, fs.ErrNotExist) {
		return &MissingFileError{from}
	}
	if err != nil {
		return err
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is neither a file nor a directory", from)
	}
	for _, own := range []string{"/dev/", "/proc/", "/sys/"} {
		if strings.HasPrefix(place+"/", own) {
			return fmt.Errorf("the guest has a file system of its own in %s", own)
		}
	}
	c.files[place] = File{Path: place, from: from, info: info}
	if !info.IsDir() {
		return c.addLibraries(from)
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if special := entry.Type() &^ (fs.ModeDir | fs.ModeSymlink); special != 0 {
			continue
		}
		if target, err := os.Stat(filepath.Join(from, entry.Name())); err == nil && target.IsDir() && !entry.IsDir() {
			return fmt.Errorf("%s is a link to a directory", filepath.Join(from, entry.Name()))
		}
		if err := c.move(filepath.Join(from, entry.Name()), filepath.Join(place, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// add adds a file and everything that is included with it.
func (c collection) add(path string) error {
	if have, ok := c.files[path]; ok && have.info != nil {
		return nil
	}
	f, err := look(path)
	if err != nil {
		return err
	}
	c.files[path] = f
	switch f.info.Mode().Type() {
	case 0:
		if c.libraries {
			return c.addLibraries(path)
		}
		return nil
	case fs.ModeDir:
		return c.addEntries(path)
	case fs.ModeSymlink:
		return c.addTarget(f)
	}
	return fmt.Errorf("%s is neither a file nor a directory nor a symbolic link", path)
}

// addTarget adds the target of a symbolic link, unless it does not exist or the
// guest has a file system of its own there.
func (c collection) addTarget(f File) error {
	target := f.link
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(f.Path), target)
	}
	for _, own := range []string{"/dev/", "/proc/", "/sys/"} {
		if strings.HasPrefix(target, own) {
			return nil
		}
	}
	err := c.add(target)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (c collection) addEntries(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if special := entry.Type() &^ (fs.ModeDir | fs.ModeSymlink); special != 0 {
			continue // such as a socket, which is of no use in the guest
		}
		if err := c.add(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// addLibraries adds the shared libraries that an ELF file needs.
func (c collection) addLibraries(path string) error {
	libraries, err := Libraries(path)
	if err != nil {
		return err
	}
	// The list is complete: it includes libraries of libraries and the targets of links.
	for _, library := range libraries {
		if c.files[library], err = look(library); err != nil {
			return err
		}
	}
	return nil
}

// look returns the file at a path.
func look(path string) (File, error) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() != fs.ModeSymlink {
		return File{Path: path, info: info}, err
	}
	link, err := os.Readlink(path)
	return File{Path: path, link: link, info: info}, err
}

// String returns the file's path, mode, size, modification time and link target,
// which change if the file does.
func (f File) String() string {
	if f.info == nil {
		return fmt.Sprintf("%q -> %q", f.Path, f.link)
	}
	return fmt.Sprintf("%q %q %v %d %d -> %q", f.Path, f.from, f.info.Mode(), f.info.Size(), f.info.ModTime().UnixNano(), f.link)
}

// Source returns the path of the file on the host.
func (f File) Source() string { return cmp.Or(f.from, f.Path) }

// record returns the file's record in the archive.
func (f File) record() (cpio.Record, error) {
	name := strings.TrimPrefix(f.Path, "/")
	if f.link != "" {
		return cpio.Symlink(name, f.link), nil
	}
	mode := uint64(f.info.Mode().Perm())
	if f.info.IsDir() {
		return cpio.Directory(name, mode), nil
	}
	b, err := os.ReadFile(f.Source())
	return cpio.StaticFile(name, string(b), mode), err
}
