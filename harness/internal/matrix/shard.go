package matrix

import (
	"fmt"
	"strconv"
	"strings"
)

// Shard is one of several parts of the runs. The parts of one matrix share no
// run, are of the same size up to one run, and together are the whole.
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
		return Shard{}, fmt.Errorf("shard is %q; it has to be I/N, such as 1/2, with I from 1 to N", text)
	}
	return Shard{index, count}, nil
}

// has says whether the run of that number, from 0 on, is in this part.
func (s Shard) has(n int) bool {
	return s.Count == 0 || n%s.Count == s.Index-1
}
