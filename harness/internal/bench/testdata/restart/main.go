// Restart is a minimal first process: it restarts the machine, for which QEMU ends with
// -no-reboot. A kernel without ACPI cannot switch off a PC.
package main

import "golang.org/x/sys/unix"

func main() { _ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART) }
