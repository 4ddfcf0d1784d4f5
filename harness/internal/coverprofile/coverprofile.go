// Package coverprofile merges cover profiles in the text format of the go command:
// a line "mode: MODE", then for each block "FILE:FROM,TO STATEMENTS COUNT".
package coverprofile

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Sum is the sum of several cover profiles of one test binary.
type Sum struct {
	mode   string
	order  []string // blocks, in the order of the first profile that has them
	blocks map[string]*block
}

// Limits of cover profiles, which are merged in memory.
const (
	MaxSize   = 16 << 20 // bytes of one
	MaxTotal  = 64 << 20 // bytes of all of a run
	maxBlocks = 1 << 18  // of all together
)

type block struct{ statements, count int }

// Profile is a cover profile, and the name of the machine that it comes from.
type Profile struct {
	Of   string
	Text []byte
}

// Merge adds up profiles. Some may be empty.
func Merge(profiles []Profile) (*Sum, error) {
	c := &Sum{blocks: map[string]*block{}}
	for _, p := range profiles {
		if err := c.add(p.Text); err != nil {
			return c, fmt.Errorf("read the cover profile of %s: %w", p.Of, err)
		}
	}
	return c, nil
}

// add adds a profile.
func (c *Sum) add(text []byte) error {
	in := bufio.NewScanner(bytes.NewReader(text))
	for in.Scan() {
		line := in.Text()
		if mode, ok := strings.CutPrefix(line, "mode: "); ok {
			c.mode = mode
			continue
		}
		fields := strings.Fields(line)
		if len(fields) < 3 {
			return fmt.Errorf("not a line of a cover profile: %.200q", line)
		}
		last := len(fields) - 1
		statements, err := strconv.Atoi(fields[last-1])
		if err != nil {
			return fmt.Errorf("not a line of a cover profile: %.200q", line)
		}
		count, err := strconv.Atoi(fields[last])
		if err != nil {
			return fmt.Errorf("not a line of a cover profile: %.200q", line)
		}
		c.count(strings.Join(fields[:last-1], " "), statements, count)
		if len(c.blocks) > maxBlocks {
			return fmt.Errorf("there are more than %d blocks of code", maxBlocks)
		}
	}
	return in.Err()
}

func (c *Sum) count(place string, statements, count int) {
	b, ok := c.blocks[place]
	if !ok {
		b = &block{statements: statements}
		c.blocks[place] = b
		c.order = append(c.order, place)
	}
	if c.mode == "set" {
		b.count = max(b.count, count)
	} else {
		b.count += count
	}
}

// Percent returns the share of statements that ran, or -1 if there are none.
func (c *Sum) Percent() float64 {
	total, ran := 0, 0
	for _, b := range c.blocks {
		total += b.statements
		if b.count > 0 {
			ran += b.statements
		}
	}
	if total == 0 {
		return -1
	}
	return 100 * float64(ran) / float64(total)
}

// Bytes returns the sum as a profile.
func (c *Sum) Bytes() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "mode: %s\n", c.mode)
	for _, place := range c.order {
		fmt.Fprintf(&out, "%s %d %d\n", place, c.blocks[place].statements, c.blocks[place].count)
	}
	return out.Bytes()
}
