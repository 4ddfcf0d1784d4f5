package matrix

import (
	"fmt"
	"strconv"
	"strings"
)

// Shard is one of several parts of a matrix. Each run is in exactly one part, and
// the sizes of the parts differ by at most one run. The zero value is the whole
// matrix.
type Shard struct {
	Index int // from 1 on
	Count int // 0 is 1
}

// ParseShard reads I/N.
func ParseShard(text string) (Shard, error) {
	first, second, _ := strings.Cut(text, "/")
	index, errIndex := strconv.Atoi(first)
	count, errCount := strconv.Atoi(second)
	if errIndex != nil || errCount != nil || index < 1 || index > count {
		return Shard{}, fmt.Errorf("shard is %q; want I/N with I from 1 to N, such as 1/2", text)
	}
	return Shard{index, count}, nil
}

// has reports whether this part has the run of that number, counted from 0.
func (s Shard) has(n int) bool {
	return s.Count == 0 || n%s.Count == s.Index-1
}
