package qemu

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Arguments are QEMU's arguments that a user adds.
type Arguments struct {
	// Words are the arguments for Config.Arguments.
	Words []string
	// These are the values of -smp, -m (in MiB) and -accel; zero if there are
	// none. They are not in Words.
	CPUs, Memory int
	Accel        Accel
}

// Reasons for several of the options.
const (
	bootsKernel  = "the harness boots its kernel and initramfs; see Kernel, Files and KernelArgs of harness.Config"
	startsAtOnce = "the machine has to start at once"
	watchesQEMU  = "the harness starts QEMU, watches it and ends it"
	ownSandbox   = "the harness confines QEMU itself"
)

// refusedOptions are the options that would break the harness, and why.
var refusedOptions = map[string]string{
	"kernel":      bootsKernel,
	"initrd":      bootsKernel,
	"append":      bootsKernel,
	"incoming":    startsAtOnce,
	"loadvm":      startsAtOnce,
	"preconfig":   startsAtOnce,
	"S":           startsAtOnce,
	"daemonize":   watchesQEMU,
	"no-shutdown": watchesQEMU,
	"action":      watchesQEMU,
	"sandbox":     ownSandbox,
	"runas":       ownSandbox,
	"chroot":      ownSandbox,
	"run-with":    ownSandbox,
	"mem-path":    "the harness decides where the memory is",
}

// flags are the options without a value that users of test machines need. Their
// next word is another option or a disk image.
var flags = []string{"nographic", "nodefaults", "no-user-config", "no-reboot", "no-hpet", "no-acpi", "snapshot", "usb", "enable-kvm", "s"}

// present are the options that each machine has.
var present = []string{"nodefaults", "no-user-config", "no-reboot", "nographic"}

// option is an option of a command line with its value.
type option struct {
	name, value string // name has no leading dash; it is empty for a disk image
	words       []string
}

// options splits a command line.
func options(words []string) []option {
	var list []option
	for i := 0; i < len(words); i++ {
		name, dashed := strings.CutPrefix(words[i], "-")
		if !dashed {
			list = append(list, option{value: words[i], words: words[i : i+1]})
			continue
		}
		o := option{name: strings.TrimPrefix(name, "-"), words: words[i : i+1]}
		if i+1 < len(words) && !strings.HasPrefix(words[i+1], "-") && !slices.Contains(flags, o.name) {
			o.value, o.words = words[i+1], words[i:i+2]
			i++
		}
		list = append(list, o)
	}
	return list
}

// String returns the option as it was written.
func (o option) String() string { return strings.Join(o.words, " ") }

// ParseArguments reads arguments for QEMU. It returns an error for those that would
// break the harness.
func ParseArguments(words []string) (Arguments, error) {
	var a Arguments
	for _, o := range options(words) {
		reason := refusedOptions[o.name]
		var err error
		switch {
		case reason != "":
			err = fmt.Errorf("QEMU's argument %v is not possible: %s", o, reason)
		case o.name == "m":
			a.Memory, err = parseMemory(o)
		case o.name == "smp":
			a.CPUs, err = parseCPUs(o)
		case o.name == "accel", o.name == "enable-kvm":
			a.Accel, err = parseAccel(o)
		case o.name == "machine" || o.name == "M":
			err = checkMachine(o)
			a.Words = append(a.Words, o.words...)
		case slices.Contains(present, o.name), o.name == "display" && o.value == "none":
		default:
			a.Words = append(a.Words, o.words...)
		}
		if err != nil {
			return Arguments{}, err
		}
	}
	return a, nil
}

func parseMemory(o option) (mib int, err error) {
	text, unit := strings.TrimPrefix(o.value, "size="), 1
	switch {
	case strings.HasSuffix(text, "G"):
		text, unit = strings.TrimSuffix(text, "G"), 1024
	case strings.HasSuffix(text, "M"):
		text = strings.TrimSuffix(text, "M")
	}
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 || n > 1<<24 {
		return 0, fmt.Errorf("QEMU's argument %v is not possible: the memory is a size in MiB, or with the unit M or G", o)
	}
	return n * unit, nil
}

func parseCPUs(o option) (int, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(o.value, "cpus="))
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("QEMU's argument %v is not possible: it may be the number of CPUs only; each has a socket", o)
	}
	return n, nil
}

func parseAccel(o option) (Accel, error) {
	switch accel := Accel(o.value); {
	case o.name == "enable-kvm":
		return KVM, nil
	case accel == KVM, accel == TCG:
		return accel, nil
	}
	return "", fmt.Errorf("QEMU's argument %v is not possible: the accelerator may be kvm or tcg, without properties", o)
}

// checkMachine returns an error if -machine sets more than the type and what does
// not concern the harness.
func checkMachine(o option) error {
	for i, property := range strings.Split(o.value, ",") {
		name, _, ok := strings.Cut(property, "=")
		if i == 0 && !ok {
			continue
		}
		switch name {
		case "accel":
			return fmt.Errorf("QEMU's argument %v is not possible: use -accel", o)
		case "memory-backend", "kernel", "initrd", "append", "dumpdtb":
			return fmt.Errorf("QEMU's argument %v is not possible: the harness sets %s", o, name)
		}
	}
	return nil
}

// HasOption reports whether the user's arguments have an option.
func (c Config) HasOption(name string) bool {
	return slices.ContainsFunc(options(c.Arguments), func(o option) bool { return o.name == name })
}

// machineOptions returns the values of the user's -machine options.
func (c Config) machineOptions() (values []string) {
	for _, o := range options(c.Arguments) {
		if o.name == "machine" || o.name == "M" {
			values = append(values, o.value)
		}
	}
	return values
}
