package leaks

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// kmemleak is the file of a kernel that looks for memory to which nothing points.
const kmemleak = "/sys/kernel/debug/kmemleak"

// youngest is the age from which kmemleak reports memory.
const youngest = 5 * time.Second

// Scan looks for memory that was leaked after its call.
type Scan struct {
	symbols symbols // of modules, some of which may have gone when the scan ends
}

// BeginScan begins a scan. It returns nil if the kernel has no kmemleak.
func BeginScan() (*Scan, error) {
	for _, command := range []string{"scan", "clear"} { // leaks so far are not reported again
		err := os.WriteFile(kmemleak, []byte(command), 0)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("kmemleak: %s: %w", command, err)
		}
	}
	s := &Scan{}
	return s, s.symbols.add()
}

// End returns the reports about memory that modules have allocated. It waits for some
// seconds: younger memory is not reported.
func (s *Scan) End() ([]string, error) {
	if err := s.symbols.add(); err != nil {
		return nil, err
	}
	time.Sleep(youngest + time.Second)
	for range 2 { // the first notes checksums: memory that changes is in use
		if err := os.WriteFile(kmemleak, []byte("scan"), 0); err != nil {
			return nil, fmt.Errorf("kmemleak: scan: %w", err)
		}
	}
	text, err := os.ReadFile(kmemleak)
	if err != nil {
		return nil, err
	}
	return s.symbols.reports(string(text)), nil
}

// symbol is a function of a module.
type symbol struct {
	address uint64
	name    string // with its module
}

// symbols are functions of modules by their addresses.
type symbols []symbol

// addressPattern matches an address that the kernel can no longer name.
var addressPattern = regexp.MustCompile(`(\[<[0-9a-f]+>\] )?\b(?:0x)?(f{4}[0-9a-f]{12})\b`)

// reports returns the reports in what kmemleak prints that name a module, with the names of
// functions of modules that have gone.
func (s symbols) reports(text string) []string {
	var all []string
	var report strings.Builder
	end := func() {
		if strings.Contains(report.String(), "]\n") && modulePattern.MatchString(report.String()) {
			all = append(all, strings.TrimRight(report.String(), "\n"))
		}
		report.Reset()
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "unreferenced object ") {
			end()
		} else if strings.HasPrefix(line, "    ") {
			line = addressPattern.ReplaceAllStringFunc(line, s.name)
		}
		report.WriteString(line)
	}
	end()
	return all
}

// modulePattern matches a place in a module.
var modulePattern = regexp.MustCompile(`\+0x[0-9a-f]+(/0x[0-9a-f]+)? \[\w+\]`)

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
	m := addressPattern.FindStringSubmatch(text)
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
	return fmt.Sprintf("%s%s+0x%x %s", m[1], name, address-s[i].address, module)
}
