package modcov

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/klog"
	"github.com/kmodtest/kmodtest/harness/internal/timeline"
)

// change is a counter that has changed.
type change struct {
	module, counter uint32
	by              uint64
}

// record is a mark, and what was counted since the last one.
type record struct {
	changes []change
	mark    string
}

// records returns the records of the log, up to the first that is not valid.
func (a *area) records() []record {
	const head, size = 8, 16
	var all []record
	for log := a.log; len(log) >= head; {
		length, n := uint64(binary.LittleEndian.Uint32(log)), uint64(binary.LittleEndian.Uint32(log[4:]))
		if length < head+n*size || length > uint64(len(log)) {
			break
		}
		var r record
		for i := range n {
			at := log[head+i*size:]
			c := change{binary.LittleEndian.Uint32(at), binary.LittleEndian.Uint32(at[4:]), binary.LittleEndian.Uint64(at[8:])}
			if c.module < uint32(len(a.modules)) && uint64(c.counter) < a.modules[c.module].bytes/counterSize {
				r.changes = append(r.changes, c)
			}
		}
		r.mark = string(bytes.TrimRight(log[head+n*size:length], "\x00\n"))
		all = append(all, r)
		log = log[length:]
	}
	return all
}

// Limits of tests that run at the same time, so that the log of a hostile guest is read in
// seconds.
const (
	maxRunning = 4096 // with those that wait
	maxActive  = 256
)

// byTest calls add with what was counted while each test ran. Tests that ran at the same
// time all get it, unless there are more than the limits. totals are all counts, by
// module: what they have more than the log was counted after the last mark.
func (a *area) byTest(totals []Counts, add func(test string, c change)) {
	t := timeline.New("")
	pass := func(changes []change) {
		if len(changes) == 0 {
			return
		}
		active := t.Active()
		for _, run := range active[:min(len(active), maxActive)] {
			for _, c := range changes {
				add(run.Name, c)
			}
		}
	}
	logged := make([]Counts, len(totals))
	for i := range totals {
		logged[i] = make(Counts, len(totals[i]))
	}
	for _, r := range a.records() {
		pass(r.changes)
		for _, c := range r.changes {
			logged[c.module][c.counter] = sum(logged[c.module][c.counter], c.by)
		}
		t.Add(klog.Record{Facility: 1, Text: strings.ToValidUTF8(r.mark, "�")})
		if len(t.Running()) > maxRunning {
			return
		}
	}
	if a.logLost {
		return
	}
	var rest []change
	for i := range totals {
		for k, n := range totals[i] {
			if n > logged[i][k] {
				rest = append(rest, change{uint32(i), uint32(k), n - logged[i][k]})
			}
		}
	}
	pass(rest)
}
