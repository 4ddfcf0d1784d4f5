package wire

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// Request is a test's request to the host. Fresh, Moment, Disk and Device interpret it.
type Request struct {
	ID   string // path of the FIFO for the answer, in the guest
	Verb string // one of the verbs below
	Args []string
}

// The verbs of requests.
const (
	VerbFresh    = "fresh"    // run a test in a fresh machine: its name, GOMAXPROCS
	VerbTogether = "together" // run a test in several fresh machines: its name, GOMAXPROCS, their number
	VerbNetwork  = "network"  // attach the card of the network of a test's machines
	VerbWait     = "wait"     // wait for the other machines of a test: the name of the moment
	VerbDisk     = "disk"     // attach a disk: its size, the requests that fail, and sectors
	VerbRemove   = "remove"   // remove a device: its name
)

// Answer is the host's answer to a Request.
type Answer struct {
	ID string // of the request
	OK bool
	// Text is the name of the device that was attached, the address of a network
	// card, or the reason if OK is false. Requests for fresh machines have none.
	Text string
}

func (r *Request) fields(c codec) {
	c.text(&r.ID, path)
	c.text(&r.Verb, word)
	c.list(&r.Args, MaxRequest, argument)
	c.check(r.ID != "", "the request has no ID")
}

func (a *Answer) fields(c codec) {
	c.text(&a.ID, path)
	flag(c, &a.OK)
	c.text(&a.Text, short)
}

// Check returns an error if the request is not valid.
func (r *Request) Check() (err error) {
	var e encoder
	r.fields(&e)
	if e.err != nil {
		return e.err
	}
	switch r.Verb {
	case VerbFresh, VerbTogether:
		_, err = r.Fresh()
	case VerbWait:
		_, err = r.Moment()
	case VerbNetwork:
		if len(r.Args) > 0 {
			err = errWords
		}
	case VerbDisk:
		_, err = r.Disk()
	case VerbRemove:
		_, err = r.Device()
	default:
		err = fmt.Errorf("there is no request %.100q", r.Verb)
	}
	return err
}

// errWords is the error of a request with too few or too many words.
var errWords = errors.New("the request has a wrong number of words")

// number returns a decimal number from low to high.
func number(text string, low, high int64) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("%.100q is not a number from %d to %d", text, low, high)
	}
	return n, nil
}

// MaxMachines is how many machines may run one test together.
const MaxMachines = 8

// FreshTest is a request to run a test in fresh machines.
type FreshTest struct {
	ID       string // of the request
	Name     string // of a top-level test
	Procs    int    // GOMAXPROCS, at least 1
	Machines int    // 1, or from 2 to MaxMachines that run the test together
}

// Fresh returns the content of a request with VerbFresh or VerbTogether.
func (r *Request) Fresh() (FreshTest, error) {
	words := 2
	if r.Verb == VerbTogether {
		words = 3
	}
	if len(r.Args) != words {
		return FreshTest{}, errWords
	}
	if err := testName.check(r.Args[0]); err != nil {
		return FreshTest{}, err
	}
	procs, err := number(r.Args[1], 1, maxProcs)
	machines := int64(1)
	if err == nil && r.Verb == VerbTogether {
		if machines, err = number(r.Args[2], 2, MaxMachines); err != nil {
			err = fmt.Errorf("machines of a test: %w", err)
		}
	}
	return FreshTest{ID: r.ID, Name: r.Args[0], Procs: int(procs), Machines: int(machines)}, err
}

// Moment returns the content of a request with VerbWait.
func (r *Request) Moment() (string, error) {
	if len(r.Args) != 1 {
		return "", errWords
	}
	return r.Args[0], moment.check(r.Args[0])
}

// Limits of disks.
const (
	MaxDisk    = 4 << 30 // bytes
	MaxSectors = 16      // sectors that fail
	SectorSize = 512     // bytes
)

// Disk is a request to attach a disk.
type Disk struct {
	Size       int64 // bytes, a multiple of SectorSize
	FailReads  bool
	FailWrites bool
	// Sectors are those whose requests fail; if it is empty, all requests do.
	Sectors []int64
}

// Disk returns the content of a request with VerbDisk: the size, "-", "r", "w" or
// "rw", and sectors.
func (r *Request) Disk() (d Disk, err error) {
	if len(r.Args) < 2 || len(r.Args) > 2+MaxSectors {
		return d, errWords
	}
	if d.Size, err = number(r.Args[0], SectorSize, MaxDisk); err != nil {
		return d, fmt.Errorf("size of a disk: %w", err)
	}
	if d.Size%SectorSize != 0 {
		return d, fmt.Errorf("size of a disk: %d is not a multiple of %d", d.Size, SectorSize)
	}
	if !slices.Contains([]string{"-", "r", "w", "rw"}, r.Args[1]) {
		return d, fmt.Errorf("disk with failures %.100q", r.Args[1])
	}
	d.FailReads = r.Args[1] == "r" || r.Args[1] == "rw"
	d.FailWrites = r.Args[1] == "w" || r.Args[1] == "rw"
	for _, text := range r.Args[2:] {
		sector, err := number(text, 0, d.Size/SectorSize-1)
		if err != nil {
			return d, fmt.Errorf("sector of a disk: %w", err)
		}
		d.Sectors = append(d.Sectors, sector)
	}
	return d, nil
}

// Device returns the content of a request with VerbRemove.
func (r *Request) Device() (string, error) {
	if len(r.Args) != 1 {
		return "", errWords
	}
	return r.Args[0], word.check(r.Args[0])
}
