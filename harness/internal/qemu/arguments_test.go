package qemu

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseArguments(t *testing.T) {
	for text, want := range map[string]Arguments{
		"":                   {},
		"-device edu":        {Words: []string{"-device", "edu"}},
		"-m 1500":            {Memory: 1500},
		"-m 1500M":           {Memory: 1500},
		"--m size=2G":        {Memory: 2048},
		"-smp 4 -smp cpus=6": {CPUs: 6},
		"-enable-kvm disk":   {Accel: KVM, Words: []string{"disk"}},
		"-accel tcg":         {Accel: TCG},
		"-machine q35,kernel-irqchip=split -M pc":         {Words: []string{"-machine", "q35,kernel-irqchip=split", "-M", "pc"}},
		"-nodefaults -nographic -display none":            {},
		"-L . -no-reboot -snapshot a.img -display curses": {Words: []string{"-L", ".", "-snapshot", "a.img", "-display", "curses"}},
	} {
		got, err := ParseArguments(strings.Fields(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestArgumentsThatBreakTheHarnessAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"-device edu -kernel bzImage": "-kernel bzImage is not possible: the harness boots its kernel",
		"--initrd x":                  "-initrd x",
		"-append x":                   "KernelArgs of harness.Config",
		"-sandbox off":                "the harness confines QEMU itself",
		"-runas nobody":               "the harness confines QEMU itself",
		"-daemonize":                  "ends it",
		"-S":                          "start at once",
		"-no-shutdown":                "ends it",
		"-incoming defer":             "start at once",
		"-mem-path /dev/shm":          "where the memory is",
		"-m 1G,slots=2,maxmem=4G":     "a size in MiB",
		"-m 0":                        "a size in MiB",
		"-smp 2,cores=2":              "number of CPUs only",
		"-smp":                        "number of CPUs only",
		"-accel hvf":                  "kvm or tcg",
		"-machine pc,accel=kvm":       "use -accel",
		"-machine memory-backend=x":   "the harness sets memory-backend",
	} {
		if got, err := ParseArguments(strings.Fields(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %+v, %v; want an error with %q", text, got, err, want)
		}
	}
}

func TestOnlyMachinesWithKnownDevicesAreSaved(t *testing.T) {
	const disk = "-drive if=none,id=d,format=raw,file=a.img"
	for text, want := range map[string]string{ // the part that cannot be saved
		"": "",
		"-device virtio-net-pci,netdev=n -netdev user,id=n":  "",
		"-machine q35 -cpu max -device driver=e1000":         "",
		disk + ",readonly=on -device virtio-blk-pci,drive=d": "",
		disk:                   disk,
		disk + ",readonly=off": disk + ",readonly=off",
		disk + ",snapshot=on":  disk + ",snapshot=on", // what the guest wrote before it was saved would be lost
		"-drive file=a.qcow2,format=qcow2,readonly=on":       "-drive file=a.qcow2,format=qcow2,readonly=on", // names another file
		"-drive file=a.img,readonly=on":                      "-drive file=a.img,readonly=on",
		"-drive file=nbd:localhost:1,format=raw,readonly=on": "-drive file=nbd:localhost:1,format=raw,readonly=on",
		"-drive file=blkdebug:c:a,format=raw,readonly=on":    "-drive file=blkdebug:c:a,format=raw,readonly=on",
		"-device edu":                        "-device edu",
		"-netdev tap,id=n":                   "-netdev tap,id=n",
		"-netdev user,id=n -device nvme,d=d": "-device nvme,d=d",
		"-fsdev local,path=/,id=f":           "-fsdev local,path=/,id=f",
		"-numa node":                         "-numa node",
		"a.img":                              "a.img",
		"-snapshot":                          "-snapshot",
	} {
		if got := (Config{Arguments: strings.Fields(text)}).Unsaved(); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if got := (Config{NUMA: 2}).Unsaved(); got != "NUMA nodes" {
		t.Errorf("a machine with nodes: got %q", got)
	}
}

func TestImagesOfSavedMachines(t *testing.T) {
	words := strings.Fields("-drive file=a,,b.img,format=raw,readonly=on -drive format=raw,read-only=on,file=/c.img -device edu -drive file=d.img")
	want := []string{"/dir/a,b.img", "/c.img"}
	if diff := cmp.Diff(want, Config{Dir: "/dir", Arguments: words}.Files()); diff != "" {
		t.Error(diff)
	}
}
