package leaks

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// kmemleak is the file of a kernel that looks for memory to which nothing points.
const kmemleak = "/sys/kernel/debug/kmemleak"

// youngest is the age from which kmemleak reports memory.
const youngest = 5 * time.Second

// Scan finds memory that modules have leaked.
type Scan struct {
	symbols symbols         // of modules, some of which may have gone when the scan ends
	known   map[string]bool // the objects that were reported before it
}

// NewScan returns a scan for all memory that is leaked. It returns nil if the kernel has no
// kmemleak.
func NewScan() (*Scan, error) {
	if _, err := os.Stat(kmemleak); err != nil {
		return nil, nil //nolint:nilerr,nilnil // the error says that there is none
	}
	s := &Scan{}
	return s, s.Note()
}

// BeginScan returns a scan for memory that is leaked after this call. It returns nil if the
// kernel has no kmemleak, or has switched it off.
func BeginScan() (*Scan, error) {
	s, err := NewScan()
	if s == nil || err != nil {
		return nil, err
	}
	text, err := scan(1)
	if errors.Is(err, fs.ErrPermission) {
		return nil, nil //nolint:nilnil // documented
	}
	s.known = map[string]bool{}
	for object := range objects(text) {
		s.known[identity(object)] = true
	}
	return s, err
}

// Note notes the modules that are loaded now, and may have gone when the scan ends.
func (s *Scan) Note() error { return s.symbols.add() }

// End returns the reports about memory that modules have allocated. It waits for some
// seconds: younger memory is not reported.
func (s *Scan) End() ([]string, error) {
	if err := s.Note(); err != nil {
		return nil, err
	}
	time.Sleep(youngest + time.Second)
	text, err := scan(2) // the first notes checksums: memory that changes is in use
	if err != nil {
		return nil, err
	}
	return s.reports(text), nil
}

// scan makes kmemleak scan some times, and returns all its reports.
func scan(times int) (string, error) {
	for range times {
		if err := os.WriteFile(kmemleak, []byte("scan"), 0); err != nil {
			return "", fmt.Errorf("kmemleak: scan: %w", err)
		}
	}
	text, err := os.ReadFile(kmemleak)
	return string(text), err
}

// objects yields the reports in what kmemleak prints.
func objects(text string) iter.Seq[string] {
	const head = "unreferenced object "
	return func(yield func(string) bool) {
		for _, object := range strings.Split("\n"+text, "\n"+head)[1:] {
			if !yield(head + strings.TrimRight(object, "\n") + "\n") {
				return
			}
		}
	}
}

// pattern compiles a regular expression when it is first used: PID 1 seldom needs them.
func pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// identityPattern matches what is the same in each report of an object, and in no other's.
var identityPattern = pattern(`(?s)^.*?jiffies \d+`)

func identity(object string) string { return identityPattern().FindString(object) }

// reports returns the reports in what kmemleak prints that name a module and are not known,
// with the names of functions of modules that have gone.
func (s *Scan) reports(text string) []string {
	var all []string
	for object := range objects(text) {
		if s.known[identity(object)] {
			continue
		}
		var report strings.Builder
		for line := range strings.Lines(object) {
			if strings.HasPrefix(line, "    ") {
				line = addressPattern().ReplaceAllStringFunc(line, s.symbols.name)
			}
			report.WriteString(line)
		}
		if modulePattern().MatchString(report.String()) {
			all = append(all, strings.TrimRight(report.String(), "\n"))
		}
	}
	return all
}

// symbol is a function of a module.
type symbol struct {
	address uint64
	name    string // with its module
}

// symbols are functions of modules by their addresses.
type symbols []symbol

// addressPattern matches an address that the kernel can no longer name.
var addressPattern = pattern(`(\[<[0-9a-f]+>\] )?\b(?:0x)?(f{4}[0-9a-f]{12})\b`)

// modulePattern matches a place in a module.
var modulePattern = pattern(`\+0x[0-9a-f]+(/0x[0-9a-f]+)? \[\w+\]`)

// add adds the functions of the modules that are loaded.
func (s *symbols) add() error {
	text, err := read("/proc/kallsyms")
	if err != nil {
		return err
	}
	s.parse(text)
	return nil
}

// parse adds the functions of modules in a list of symbols.
func (s *symbols) parse(text string) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 4 || strings.ToLower(fields[1]) != "t" {
			continue
		}
		if address, err := strconv.ParseUint(fields[0], 16, 64); err == nil && address > 0 {
			*s = append(*s, symbol{address, fields[2] + " " + fields[3]})
		}
	}
	slices.SortFunc(*s, func(a, b symbol) int {
		switch {
		case a.address < b.address:
			return -1
		case a.address > b.address:
			return 1
		}
		return 0
	})
}

// farthest is how far behind the beginning of a function an address may be.
const farthest = 64 << 10

// name returns an address as the kernel prints it while the module is loaded.
func (s symbols) name(text string) string {
	m := addressPattern().FindStringSubmatch(text)
	address, err := strconv.ParseUint(m[2], 16, 64)
	if err != nil {
		return text
	}
	i, found := slices.BinarySearchFunc(s, address, func(sym symbol, address uint64) int {
		if sym.address < address {
			return -1
		}
		if sym.address > address {
			return 1
		}
		return 0
	})
	if !found {
		i--
	}
	if i < 0 || address-s[i].address > farthest {
		return text
	}
	name, module, _ := strings.Cut(s[i].name, " ")
	size := ""
	if i+1 < len(s) && strings.HasSuffix(s[i+1].name, " "+module) { // as the kernel calculates it
		size = fmt.Sprintf("/0x%x", s[i+1].address-s[i].address)
	}
	return fmt.Sprintf("%s%s+0x%x%s %s", m[1], name, address-s[i].address, size, module)
}
