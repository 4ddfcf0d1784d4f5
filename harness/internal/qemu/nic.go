package qemu

import (
	"context"
	"fmt"
	"os"

	"github.com/kmodtest/kmodtest/harness/internal/qmp"
)

// NIC is a virtio network card that is attached to a running machine.
type NIC struct {
	Address string // of the card (MAC)
	// Links are stream sockets, each of which leads to the card of another machine,
	// at least one. With several links, QEMU is the hub between them and the card.
	// QEMU gets copies of the descriptors.
	Links []*os.File
}

// hub is the number of QEMU's hub: users of its command line begin with 0.
const hub = 1000

// AddNIC attaches a network card.
func (p *Process) AddNIC(ctx context.Context, n NIC) error {
	return p.converse(ctx, func(m *qmp.Client) error {
		for i, link := range n.Links {
			name := linkName(i)
			if err := m.RunWith(link, "getfd", map[string]any{"fdname": name}); err != nil {
				return err
			}
			if err := m.Run("netdev_add", map[string]any{"type": "socket", "id": name, "fd": name}); err != nil {
				return err
			}
		}
		backend := linkName(0)
		if len(n.Links) > 1 {
			backend = "kmodtest-hub"
			if err := n.addHub(m, backend); err != nil {
				return err
			}
		}
		card := map[string]any{"netdev": backend, "mac": n.Address}
		if p.board.HasPCI() {
			card["romfile"] = "" // the machine does not boot from it
		}
		return addDevice(p, m, "virtio-net", "kmodtest-card", card)
	})
}

// addHub connects the links, and a port for the card.
func (n NIC) addHub(m *qmp.Client, port string) error {
	if err := m.Run("netdev_add", map[string]any{"type": "hubport", "id": port, "hubid": hub}); err != nil {
		return err
	}
	for i := range n.Links {
		err := m.Run("netdev_add", map[string]any{"type": "hubport", "id": fmt.Sprint(port, i), "hubid": hub, "netdev": linkName(i)})
		if err != nil {
			return err
		}
	}
	return nil
}

func linkName(i int) string { return fmt.Sprint("kmodtest-link", i) }
