package vmtest

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
)

// ipTables owns the commands from 64 on: sets below 66 (IPT_SO_SET_MAX), gets
// below 68 (IPT_SO_GET_MAX).
const ipTables = "ip_tables"

// colliding are values of base for which a range of the module overlaps one of
// ip_tables. At 62 only the get ranges overlap.
var colliding = []int{62, 64, 65, 67}

// adjacent are the nearest values of base for which no ranges overlap.
var adjacent = []int32{61, 68}

func TestBaseInRangeOfIPTablesIsRefused(t *testing.T) {
	guest.LoadModule(t, ipTables)
	guest.UnloadModule(t, module)
	for _, base := range colliding {
		err := guest.TryLoadModule(t, module, fmt.Sprintf("base=%d", base))
		wantErrno(t, err, unix.EBUSY, "load with base=%d while ip_tables is loaded", base)
		if guest.ModuleLoaded(t, module) {
			t.Fatalf("load with base=%d: refused, but the module is loaded", base)
		}
	}
}

func TestIPTablesInRangeOfModuleIsRefused(t *testing.T) {
	for _, base := range colliding {
		t.Run(fmt.Sprint(base), func(t *testing.T) {
			guest.UnloadModule(t, module)
			guest.LoadModule(t, module, fmt.Sprintf("base=%d", base))
			wantErrno(t, guest.TryLoadModule(t, ipTables), unix.EBUSY, "load of ip_tables while the module has base=%d", base)
			if guest.ModuleLoaded(t, ipTables) {
				t.Fatal("load of ip_tables: refused, but it is loaded")
			}
		})
	}
}

func TestBaseNextToIPTablesWorks(t *testing.T) {
	guest.LoadModule(t, ipTables)
	for _, base := range adjacent {
		t.Run(fmt.Sprint(base), func(t *testing.T) {
			guest.UnloadModule(t, module)
			guest.LoadModule(t, module, fmt.Sprintf("base=%d", base))
			s := newSocket(t)
			m := message(t, "next to ip_tables")
			wantErrno(t, s.set(base, m.address, int32(len(m.data))), nil, "set of command %d", base)
			got, err := s.tryGet(base + 1)
			wantErrno(t, err, nil, "get of command %d", base+1)
			if got != "next to ip_tables" {
				t.Fatalf("last message with base=%d: got %q", base, got)
			}
			_, err = s.tryGet(base + 2)
			wantErrno(t, err, nil, "get of command %d", base+2)
		})
	}
}
