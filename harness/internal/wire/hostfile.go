package wire

// Limits of the answers about files of the host.
const (
	// MaxPiece is the longest piece of a file in a HostAnswer in bytes.
	MaxPiece = 256 << 10
	// MaxEntries is the number of entries in a HostAnswer.
	MaxEntries = 1 << 10
	// MaxSmall is the longest file of a HostSeries in bytes.
	MaxSmall = 32 << 10

	maxName  = 255 // NAME_MAX of Linux
	maxErrno = 4095
)

// HostOp is what a HostRequest asks for.
type HostOp int

// The operations.
const (
	HostStat   HostOp = iota // the attributes of a file
	HostList                 // the entries of a directory
	HostRead                 // a piece of a regular file
	HostSeries               // small regular files of a directory, sorted by name
	lastOp     = HostSeries
)

// HostRequest asks for a file of the host. No part of the path may be a symbolic link,
// except the last one of a HostStat.
type HostRequest struct {
	ID   int64
	Op   HostOp
	Path string // absolute and clean
	// After is the name of the entry after which a HostList continues, or a HostSeries
	// begins.
	After string
	// Offset and Size are the piece that a HostRead wants, in bytes. Size is the most
	// files that a HostSeries wants.
	Offset int64
	Size   int
}

// HostAnswer answers a HostRequest.
type HostAnswer struct {
	ID    int64
	Errno int // 0, or the number of the error; then nothing else is set
	// Entries are the file of a HostStat, those of a directory, or those of a
	// HostSeries, sorted by name.
	Entries []HostEntry
	More    bool // the directory has more entries
	// Data is that of a HostRead, shorter than requested only at the end of the file, or
	// the contents of the files of a HostSeries, one after the other.
	Data string
}

// HostEntry is a regular file, a directory or a symbolic link of the host.
type HostEntry struct {
	Name     string // in its directory; empty for a HostStat
	Mode     uint32 // st_mode
	Size     int64  // bytes
	Time     int64  // of the last change of the content, in nanoseconds since 1970
	UID, GID int64
	Link     string // target of a symbolic link
}

func (r *HostRequest) fields(c codec) {
	any64(c, &r.ID)
	integer(c, (*int)(&r.Op), 0, int64(lastOp))
	c.text(&r.Path, path)
	c.text(&r.After, fileName)
	c.number(&r.Offset, 0, 1<<62)
	integer(c, &r.Size, 0, MaxPiece)
}

func (a *HostAnswer) fields(c codec) {
	any64(c, &a.ID)
	integer(c, &a.Errno, 0, maxErrno)
	a.Entries = sized(c, a.Entries, MaxEntries)
	for i := range a.Entries {
		a.Entries[i].fields(c)
	}
	flag(c, &a.More)
	c.text(&a.Data, piece)
}

func (e *HostEntry) fields(c codec) {
	c.text(&e.Name, fileName)
	unsigned(c, &e.Mode)
	any64(c, &e.Size)
	any64(c, &e.Time)
	c.number(&e.UID, 0, 1<<32-1)
	c.number(&e.GID, 0, 1<<32-1)
	c.text(&e.Link, path)
}
