package wire

import (
	"cmp"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The default Limits of files. Both sides use them: a guest does not send what
// the host would refuse.
const (
	MaxFile  = 1 << 30 // bytes of one file
	MaxTotal = 4 << 30 // bytes of all files of a job
	MaxFiles = 10_000  // files, directories and symbolic links of a job
)

// Limits bound the files of one job. A field that is 0 means the default.
type Limits struct {
	File  int64 // bytes of one file; the default is MaxFile
	Total int64 // bytes of all files; the default is MaxTotal
	Files int   // files, directories and symbolic links; the default is MaxFiles
}

// A LimitError reports a file that exceeds a limit.
type LimitError struct {
	Name  string
	Limit int64
	Unit  string // the unit of Limit, such as "bytes in one file"
}

// Error names the file and the limit.
func (e *LimitError) Error() string {
	return fmt.Sprintf("%q exceeds the limit of %d %s", e.Name, e.Limit, e.Unit)
}

// tally counts the files of a job and compares them with limits.
type tally struct {
	name  string
	files int
	file  int64 // bytes of the current file
	total int64
}

// begin counts a file.
func (t *tally) begin(name string, limits Limits) error {
	limit := cmp.Or(limits.Files, MaxFiles)
	if t.files >= limit {
		return &LimitError{Name: name, Limit: int64(limit), Unit: "files"}
	}
	t.files++
	t.name, t.file = name, 0
	return nil
}

// fits returns an error if n more bytes of the current file exceed a limit.
func (t *tally) fits(n int64, limits Limits) error {
	file, total := cmp.Or(limits.File, MaxFile), cmp.Or(limits.Total, MaxTotal)
	if n > file-t.file {
		return &LimitError{Name: t.name, Limit: file, Unit: "bytes in one file"}
	}
	if n > total-t.total {
		return &LimitError{Name: t.name, Limit: total, Unit: "bytes in all files"}
	}
	return nil
}

// add counts n more bytes of the current file, unless they exceed a limit.
func (t *tally) add(n int64, limits Limits) error {
	err := t.fits(n, limits)
	if err == nil {
		t.file += n
		t.total += n
	}
	return err
}

// Limits of the fields of messages. A Writer refuses to send what exceeds them,
// and Decode refuses to read it.
const (
	maxPath     = 4096      // PATH_MAX of Linux
	maxArgument = 128 << 10 // MAX_ARG_STRLEN of Linux
	maxWord     = 256
	maxMoment   = 64
	maxEntropy  = 1 << 10
	maxReason   = 64 << 10
	maxList     = 1 << 16
	maxProcs    = 1 << 16
	maxCode     = 255
	maxSignal   = 64 // _NSIG of Linux

	maxModprobe = MaxShared
	maxModule   = 1 << 30 // bytes of a module's file

	// MaxModuleName is the longest name in a ModuleRequest in bytes. The
	// kernel's own requests have less than 64; the aliases of devices have more.
	MaxModuleName = 1 << 10
	// MaxLoaded is the length of ModuleRequest.Loaded.
	MaxLoaded = 1 << 9

	// MaxFindings is the length of each list in Findings.
	MaxFindings = 1 << 10
	// MaxRequest is the length in bytes of a test's request, and so of a
	// test's name in it: what a process writes to a pipe with one system call
	// is atomic up to PIPE_BUF.
	MaxRequest = 4096
)

// kind is a kind of text.
type kind struct {
	name  string
	limit int // bytes
	valid func(string) bool
	cut   bool // longer texts are cut when they are sent
}

var (
	entropy  = kind{name: "string of random bytes", limit: maxEntropy, valid: isAny}
	reason   = kind{name: "reason", limit: maxReason, valid: isAny, cut: true}
	short    = kind{name: "answer", limit: MaxRequest, valid: isAny, cut: true}
	path     = kind{name: "path", limit: maxPath, valid: hasNoNUL}
	argument = kind{name: "argument", limit: maxArgument, valid: hasNoNUL}
	word     = kind{name: "word", limit: maxWord, valid: isPrintable}
	moment   = kind{name: "name of a moment", limit: maxMoment, valid: isPrintable}
	alias    = kind{name: "name of a module", limit: MaxModuleName, valid: hasNoNUL}
	fileName = kind{name: "file name", limit: maxName, valid: isFileName}
	piece    = kind{name: "piece of a file", limit: MaxPiece, valid: isAny}
	testName = kind{name: "test name", limit: MaxRequest, valid: isTestName}
)

// check returns an error if s is not a text of this kind.
func (k kind) check(s string) error {
	if len(s) > k.limit {
		return fmt.Errorf("a %s of %d bytes exceeds the limit of %d", k.name, len(s), k.limit)
	}
	if !k.valid(s) {
		return fmt.Errorf("%.100q is not a valid %s", s, k.name)
	}
	return nil
}

func isAny(string) bool { return true }

func isFileName(s string) bool { return !strings.ContainsAny(s, "/\x00") }

func hasNoNUL(s string) bool { return !strings.Contains(s, "\x00") }

func isPrintable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// isTestName reports whether s is a Go identifier that begins with Test.
func isTestName(s string) bool {
	return strings.HasPrefix(s, "Test") && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}
