package board

import (
	"errors"
	"fmt"
	"sync"
)

// Slots assigns the ports of a machine to devices that are attached while it runs. Its methods may be called by several
// goroutines at once.
type Slots struct {
	board Board
	mu    sync.Mutex
	used  map[int]string // names of devices by the number of their port
}

// NewSlots returns the slots of a machine, all free.
func NewSlots(b Board) *Slots { return &Slots{board: b, used: map[int]string{}} }

// Port returns the name of a port.
func Port(i int) string { return fmt.Sprint("kmodtest-port", i) }

// Take adds to the properties of a device its driver, a name such as virtio-blk, and the bus that it is attached to.
func (s *Slots) Take(kind, name string, properties map[string]any) error {
	properties["driver"], properties["id"] = s.board.Device(kind), name
	if s.board.Ports == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.board.Ports {
		if s.used[i] == "" {
			s.used[i] = name
			properties["bus"] = Port(i)
			return nil
		}
	}
	return errors.New("the machine has no free port for a device")
}

// Free frees the port of a device.
func (s *Slots) Free(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, device := range s.used {
		if device == name {
			delete(s.used, i)
		}
	}
}
