package host

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// coverage is the sum of several cover profiles of one test binary. They have
// the text format of the go command: a line "mode: MODE", then for each block
// "FILE:FROM,TO STATEMENTS COUNT".
type coverage struct {
	mode   string
	order  []string // blocks, in the order of the first profile that has them
	blocks map[string]*block
}

// Limits of cover profiles, which are merged in memory.
const (
	maxProfile  = 16 << 20 // bytes of one
	maxProfiles = 64 << 20 // bytes of all of a run
	maxBlocks   = 1 << 18  // of all together
)

type block struct{ statements, count int }

// profile is a cover profile in the text format, and the name of its machine.
type profile struct {
	of   string
	text []byte
}

// mergeProfiles adds up profiles. Some may be empty.
func mergeProfiles(profiles []profile) (*coverage, error) {
	c := &coverage{blocks: map[string]*block{}}
	for _, p := range profiles {
		if err := c.add(p.text); err != nil {
			return c, fmt.Errorf("read the cover profile of %s: %w", p.of, err)
		}
	}
	return c, nil
}

// add adds a profile.
func (c *coverage) add(text []byte) error {
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

func (c *coverage) count(place string, statements, count int) {
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

// percent returns the share of statements that ran, or -1 if there are none.
func (c *coverage) percent() float64 {
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

// bytes returns the profile.
func (c *coverage) bytes() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "mode: %s\n", c.mode)
	for _, place := range c.order {
		fmt.Fprintf(&out, "%s %d %d\n", place, c.blocks[place].statements, c.blocks[place].count)
	}
	return out.Bytes()
}

// write writes the profile, as a whole or not at all.
func (c *coverage) write(path string) error {
	sink, err := newFile(path)
	if err != nil {
		return err
	}
	if _, err := sink.Write(c.bytes()); err != nil {
		sink.Discard()
		return err
	}
	return sink.Commit()
}
