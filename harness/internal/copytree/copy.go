package copytree

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Stamp identifies a state of a file in the copy.
type Stamp struct {
	Digest string // as of File.Digest
	Time   int64  // of its last modification, in nanoseconds since 1970
	Size   int64
}

// neverRead is the access time of files in the copy that nobody has read. It is older
// than the modification time of any file, so that even a file system that keeps access
// times coarsely (relatime) changes it.
var neverRead = time.Unix(1, 0)

// Synchronize makes the copy of the listed files at dir equal to them. had are the files
// that it copied there before. It writes only files that differ, so that make compiles
// only what has changed, and leaves files that a build made. It returns the state of the
// copied files.
func (l *Listing) Synchronize(dir string, had map[string]Stamp) (map[string]Stamp, error) {
	for name := range had {
		if l.byName[name] == nil {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				return nil, err
			}
		}
	}
	// All files get the same time: none is newer than another that it was made from.
	now := time.Now()
	copied := map[string]Stamp{}
	for _, f := range l.Files {
		at, err := f.copyTo(filepath.Join(dir, f.Name), had[f.Name], now)
		if err != nil {
			return nil, fmt.Errorf("copy module sources: %w", err)
		}
		copied[f.Name] = at
	}
	return copied, nil
}

// copyTo makes the file at path equal to f, if it is not. was is the state in which an
// earlier copyTo left it.
func (f *File) copyTo(path string, was Stamp, now time.Time) (Stamp, error) {
	digest, err := f.Digest()
	if err != nil {
		return Stamp{}, err
	}
	info, err := os.Lstat(path)
	there := err == nil
	if there && was.Digest == digest && was.Time == info.ModTime().UnixNano() && was.Size == info.Size() {
		return was, nil
	}
	access := neverRead
	if there {
		access = now // a build may have read it and may not read it again
		if err := os.RemoveAll(path); err != nil {
			return Stamp{}, err
		}
	}
	if err := makeParents(path); err != nil {
		return Stamp{}, err
	}
	if f.Link != "" {
		err = os.Symlink(f.Link, path)
	} else {
		err = f.write(path, access, now)
	}
	if err != nil {
		return Stamp{}, err
	}
	if info, err = os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return Stamp{}, nil // without permission to read it there is no copy
	} else if err != nil {
		return Stamp{}, err
	}
	digest, err = f.Digest()
	return Stamp{digest, info.ModTime().UnixNano(), info.Size()}, err
}

// write writes the file's content to path, with these times.
func (f *File) write(path string, access, modification time.Time) error {
	if f.hash == "no permission" {
		return nil
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.mode|0o600)
	if err != nil {
		return err
	}
	err = errors.Join(f.read(out), out.Close())
	if err == nil {
		err = os.Chmod(path, f.mode|0o600) // whatever the umask is
	}
	if err == nil {
		err = os.Chtimes(path, access, modification)
	}
	return err
}

// makeParents makes the directory of a file, where an earlier copy may have had a file.
func makeParents(path string) error {
	dir := filepath.Dir(path)
	if info, err := os.Lstat(dir); err == nil && info.IsDir() {
		return nil
	}
	if err := makeParents(dir); err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Mkdir(dir, 0o700)
}

// KeepsAccessTimes reports whether reading a file in dir changes its access time.
func KeepsAccessTimes(dir string) bool {
	probe := filepath.Join(dir, "read-probe")
	defer os.Remove(probe)
	if os.WriteFile(probe, []byte("x"), 0o600) != nil || os.Chtimes(probe, neverRead, time.Now()) != nil {
		return false
	}
	_, err := os.ReadFile(probe)
	return err == nil && WasRead(probe)
}

// WasRead reports whether a file of the copy has been read.
func WasRead(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && !accessTime(info).Equal(neverRead)
}

// Scan returns the states of all regular files and links below dir except outputs of the
// kernel's build system. known are states that need not be computed.
func Scan(dir string, known map[string]Stamp) (map[string]Stamp, error) {
	found := map[string]Stamp{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || isForeign(entry.Name(), map[string]bool{"." + entry.Name() + ".cmd": true}) {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, _ := Below(dir, path)
		at := Stamp{Time: info.ModTime().UnixNano(), Size: info.Size()}
		if was, ok := known[name]; ok && was.Time == at.Time && was.Size == at.Size {
			found[name] = was
			return nil
		}
		at.Digest, err = digestOf(path, info)
		found[name] = at
		return err
	})
	return found, err
}

// digestOf returns the digest of a file in the copy.
func digestOf(path string, info fs.FileInfo) (string, error) {
	if info.Mode().Type() == fs.ModeSymlink {
		text, err := os.Readlink(path)
		return "-> " + text, err
	}
	f := File{Path: path, mode: info.Mode()}
	return f.Digest()
}

// ChangedSince returns the files of after that are not the same in before.
func ChangedSince(before, after map[string]Stamp) map[string]Stamp {
	changed := maps.Clone(after)
	maps.DeleteFunc(changed, func(name string, at Stamp) bool { return before[name] == at })
	return changed
}

// RestoreTimes gives files that a command wrote with the same content as the last time
// the time that they had then, so that make does not compile again what they are part
// of. It returns the states that the files now have.
func RestoreTimes(dir string, last, now map[string]Stamp) (map[string]Stamp, error) {
	restored := maps.Clone(now)
	for name, at := range now {
		was, ok := last[name]
		if !ok || was.Digest != at.Digest || was.Size != at.Size || len(at.Digest) > 1 && at.Digest[:2] == "->" {
			continue
		}
		then := time.Unix(0, was.Time)
		if err := os.Chtimes(filepath.Join(dir, name), then, then); err != nil {
			return nil, err
		}
		restored[name] = was
	}
	return restored, nil
}

// RemoveMade removes files of the copy that a command made.
func RemoveMade(dir string, made, copied map[string]Stamp) error {
	for _, name := range slices.Sorted(maps.Keys(made)) {
		if _, ours := copied[name]; !ours {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Digest returns the digest of the regular file at path: see File.Digest.
func Digest(path string) (string, error) {
	f := File{Path: path}
	return f.Digest()
}
