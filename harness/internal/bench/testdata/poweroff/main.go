// Poweroff is a minimal first process: it powers the machine off.
package main

import "golang.org/x/sys/unix"

func main() { _ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF) }
