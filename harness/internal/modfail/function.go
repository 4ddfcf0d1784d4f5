package modfail

import (
	"cmp"
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

//go:embed calls.txt
var functionsText string

// function is a function of the kernel, as in calls.txt. The numbers are those of the
// runtime's fail.h.
type function struct {
	symbol  string
	name    string // in the source
	failure int
	failed  int // the error, or the number of an argument
	holding int
	class   string // "" for none
	key     int
	keep    bool
}

const (
	failNever = iota
	failTry
	failZero
	failNull
	failInt
	failPointer
	failBytes
)

const (
	holds = iota + 1
	releases
	exchanges
)

const (
	keyResult = iota + 6
	keyNone
)

// functions returns the functions of calls.txt by their symbols, and the numbers of
// their classes.
var functions = sync.OnceValues(func() (map[string]function, error) { return parseFunctions(functionsText) })

func parseFunctions(text string) (map[string]function, error) {
	all := map[string]function{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f, err := parseFunction(line)
		if _, twice := all[f.symbol]; err == nil && twice {
			err = fmt.Errorf("%s is there twice", f.symbol)
		}
		if err != nil {
			return nil, fmt.Errorf("calls.txt, line %d: %w", number, err)
		}
		all[f.symbol] = f
	}
	return all, nil
}

func parseFunction(line string) (function, error) {
	var f function
	f.symbol, line, _ = strings.Cut(line, " ")
	failure, holding, _ := strings.Cut(strings.TrimSpace(line), " ")
	var err error
	if f.failure, f.failed, err = parseFailure(failure); err != nil {
		return f, err
	}
	f.name = strings.TrimSuffix(strings.TrimLeft(f.symbol, "_"), "_noprof")
	holding = strings.TrimSpace(holding)
	if holding == "" {
		return f, nil
	}
	f.holding = strings.Index("+-=", holding[:1]) + 1
	class, key, ok := strings.Cut(holding[1:], ":")
	f.class, f.keep = strings.CutSuffix(class, "*")
	key, name, _ := strings.Cut(key, " ")
	f.key, f.name = strings.Index("012345rn", key), cmp.Or(strings.TrimSpace(name), f.name)
	if !ok || f.holding == 0 || f.class == "" || len(key) != 1 || f.key < 0 {
		return f, fmt.Errorf("%q is not of the form +CLASS:KEY", holding)
	}
	return f, nil
}

// parseFailure returns the kind of failure, and the error or the number of an argument.
func parseFailure(text string) (int, int, error) {
	switch text {
	case "-":
		return failNever, 0, nil
	case "try":
		return failTry, 0, nil
	case "zero":
		return failZero, 0, nil
	case "null":
		return failNull, 0, nil
	}
	if argument, ok := strings.CutPrefix(text, "bytes"); ok {
		n, err := strconv.ParseUint(argument, 10, 8)
		if err != nil || n > 5 {
			return 0, 0, fmt.Errorf("%q is not the number of an argument", argument)
		}
		return failBytes, int(n), nil
	}
	name, pointer := strings.CutPrefix(text, "*")
	for errno := unix.Errno(1); errno < 134; errno++ {
		if name == "" || unix.ErrnoName(errno) != name {
			continue
		}
		if pointer {
			return failPointer, int(errno), nil
		}
		return failInt, int(errno), nil
	}
	return 0, 0, fmt.Errorf("%q is not a failure", text)
}
