package hostmount

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/hostpath"
	"github.com/kmodtest/kmodtest/harness/internal/modprobe"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Files are the host's files in a guest, if the guest is to see any.
type Files struct {
	Wanted bool
	client *Client
	mount  *Mount // nil before Show
}

// NewFiles returns files that are not visible yet. Requests are sent to out.
func NewFiles(wanted bool, out *wire.Writer) *Files {
	return &Files{Wanted: wanted, client: NewClient(out)}
}

// Take takes an answer of the host. It does not wait.
func (f *Files) Take(rec wire.Record) error { return f.client.Take(rec) }

// mounts are the directories in which the guest has file systems of its own.
var mounts = []string{"/proc", "/sys", "/dev", "/run", "/tmp"}

// hostsEtc are files of /etc that the guest takes from the host.
var hostsEtc = []string{"/etc/passwd", "/etc/group", "/etc/services", "/etc/protocols"}

// Show makes the files visible, or reports why not.
func (f *Files) Show() wire.Readiness {
	for _, name := range hostpath.Filesystems {
		if _, err := modprobe.Load(modprobe.ByProgram, name); err != nil && !isRegistered(name) {
			return wire.Readiness{Module: name, Error: fmt.Sprintf("the host's files need it (--host=none or Config.Host does without): %v", err)}
		}
	}
	mount, err := New(f.client, mounts, hostsEtc)
	if err != nil {
		return wire.Readiness{Module: "overlay", Error: err.Error()}
	}
	f.mount = mount
	return wire.Readiness{}
}

// isRegistered reports whether the kernel has a file system.
func isRegistered(name string) bool {
	text, _ := os.ReadFile("/proc/filesystems") // without it there is none
	return slices.Contains(strings.Fields(string(text)), name)
}

// Begin is called when there is a job. expose is a directory that the guest's own file
// systems hide, and that is to be visible; "" for none.
func (f *Files) Begin(expose string) error {
	if f.mount == nil {
		return nil
	}
	if err := f.mount.Begin(); err != nil || expose == "" {
		return err
	}
	return f.mount.Expose(expose)
}

// Place returns the path at which to store a file of the job's, so that it is at name when
// the job begins. From its first call on, the kernel may keep what it has read of the host.
func (f *Files) Place(name string) string {
	if f.mount == nil {
		return name
	}
	f.mount.files.keep.Store(true) // the job's host has sent the file
	return f.mount.place(name)
}

// Untouched reports whether all files below a directory are as on the host.
func (f *Files) Untouched(dir string) bool { return f.mount != nil && f.mount.Untouched(dir) }

// Has reports whether a file is as it is on the host.
func (f *Files) Has(name string, info fs.FileInfo) bool {
	return f.mount != nil && f.mount.IsOfHost(name, info)
}
