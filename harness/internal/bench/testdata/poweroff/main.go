// Poweroff is the least that a first process can do: it ends the machine.
package main

import "golang.org/x/sys/unix"

func main() { _ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF) }
