package klog

import (
	"strconv"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/klog/prefix"
)

// normal returns a line without the parts that differ from run to run: it omits
// offsets into functions and the build identifiers of modules, and replaces
// addresses and numbers that are words of their own by N.
func normal(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		if n := offsetAt(text[i:]); n > 0 {
			i += n
			continue
		}
		end := i
		for end < len(text) && isWord(text[end]) {
			end++
		}
		if end == i {
			b.WriteByte(text[i])
			i++
			continue
		}
		word := text[i:end]
		switch {
		case isBuildID(text, i, end):
			before := strings.TrimSuffix(b.String(), " ")
			b.Reset()
			b.WriteString(before)
		case isAddress(word), prefix.IsNumber(word) && (i == 0 || standsBeforeNumber(text[i-1])):
			b.WriteByte('N')
		default:
			b.WriteString(word)
		}
		i = end
	}
	return strings.TrimSpace(b.String())
}

// offsetAt returns the length of the +0x1/0x2 that text begins with, or 0.
func offsetAt(text string) int {
	var v uint64
	rest, ok := strings.CutPrefix(text, "+0x")
	if !ok {
		return 0
	}
	if rest, ok = cutHex(rest, &v); !ok || !strings.HasPrefix(rest, "/0x") {
		return 0
	}
	if rest, ok = cutHex(rest[len("/0x"):], &v); !ok {
		return 0
	}
	return len(text) - len(rest)
}

// isBuildID recognizes the second word in [module 0123…].
func isBuildID(text string, from, to int) bool {
	return to-from >= 20 && to < len(text) && text[to] == ']' && from > 0 && text[from-1] == ' ' && isHex(text[from:to])
}

func isAddress(word string) bool {
	if digits, ok := strings.CutPrefix(word, "0x"); ok {
		return isHex(strings.ToLower(digits))
	}
	return len(word) >= 8 && isHex(word)
}

func standsBeforeNumber(c byte) bool { return strings.IndexByte(" \t(<>=#:/,[{$-", c) >= 0 }

func isWord(c byte) bool { return isSymbol(c) && c != '.' && c != '$' }

func isSymbol(c byte) bool {
	return c == '_' || c == '.' || c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func cutHex(s string, to *uint64) (string, bool) {
	n := 0
	for n < len(s) && n < 16 && isHex(s[n:n+1]) {
		n++
	}
	v, err := strconv.ParseUint(s[:n], 16, 64)
	*to = v
	return s[n:], err == nil
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return s != ""
}
