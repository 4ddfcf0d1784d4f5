package modindex

// matches reports whether a name matches a pattern as fnmatch(3) without flags does:
// * stands for any text, ? for any byte, and brackets for one of several bytes. The
// time is at most proportional to the product of the lengths.
func matches(pattern, name string) bool {
	retry, retryName := -1, 0 // after the last *
	p, n := 0, 0
	for n < len(name) {
		if p < len(pattern) && pattern[p] == '*' {
			p++
			retry, retryName = p, n
			continue
		}
		if p < len(pattern) {
			if size, ok := matchByte(pattern[p:], name[n]); ok {
				p, n = p+size, n+1
				continue
			}
		}
		if retry < 0 {
			return false
		}
		retryName++
		p, n = retry, retryName
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// matchByte reports whether a byte matches the first element of a pattern, and the
// length of that element.
func matchByte(pattern string, c byte) (size int, ok bool) {
	switch pattern[0] {
	case '?':
		return 1, true
	case '[':
		if size, ok, valid := matchSet(pattern, c); valid {
			return size, ok
		}
	case '\\':
		if len(pattern) > 1 {
			return 2, pattern[1] == c
		}
	}
	return 1, pattern[0] == c
}

// matchSet is matchByte for bytes in brackets. valid is false if there is no closing
// one.
func matchSet(pattern string, c byte) (size int, ok, valid bool) {
	i := 1
	negated := i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^')
	if negated {
		i++
	}
	for first := i; i < len(pattern); i++ {
		if pattern[i] == ']' && i > first {
			return i + 1, ok != negated, true
		}
		low, high := pattern[i], pattern[i]
		if i+2 < len(pattern) && pattern[i+1] == '-' && pattern[i+2] != ']' {
			high = pattern[i+2]
			i += 2
		}
		ok = ok || low <= c && c <= high
	}
	return 0, false, false
}
