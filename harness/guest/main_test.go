package guest_test

import (
	"testing"

	"github.com/kmodtest/kmodtest/harness"
)

// The helpers are tried with two modules of the kernel: dummy, which makes
// network devices, and ip_tables, which depends on x_tables.
const (
	plain      = "dummy"
	dependent  = "ip_tables"
	dependency = "x_tables"
)

func TestMain(m *testing.M) {
	harness.Main(m, harness.Config{KernelModules: []string{plain, dependent}})
}
