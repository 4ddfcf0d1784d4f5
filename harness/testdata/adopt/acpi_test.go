package adopt

import (
	"os"
	"strings"
	"testing"
)

func evaluatesObject(t *testing.T) {
	for _, test := range []struct{ object, want string }{
		{`\_S5`, "[0x0, 0x0, 0x0, 0x0]"}, // QEMU's values for the state "off"
		{`\_S9`, "Error: AE_NOT_FOUND"},
	} {
		write(t, "/proc/acpi/call", test.object)
		got, err := os.ReadFile("/proc/acpi/call")
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimRight(string(got), "\x00\n"); got != test.want {
			t.Errorf("%s: got %q, want %q", test.object, got, test.want)
		}
	}
}
