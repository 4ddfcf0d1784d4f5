package copytree

import (
	"io/fs"
	"syscall"
	"time"
)

// accessTime returns the time at which a file was last read.
func accessTime(info fs.FileInfo) time.Time {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return time.Time{}
	}
	return time.Unix(st.Atim.Unix())
}
