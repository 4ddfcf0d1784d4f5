package guest_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/guest"
)

// say writes a record into the kernel log. The kernel gives records of user space the
// facility 1.
func say(t *testing.T, level int, text string) {
	t.Helper()
	file, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if _, err := fmt.Fprintf(file, "<%d>%s\n", level, text); err != nil {
		t.Fatalf("write to the kernel log: %v", err)
	}
}

// own returns the records whose text begins with guest-test.
func own(records []guest.Record) []guest.Record {
	return slices.DeleteFunc(slices.Clone(records), func(r guest.Record) bool {
		return !strings.HasPrefix(r.Text, "guest-test: ")
	})
}

func TestKernelLogBeginsAtItsMark(t *testing.T) {
	say(t, 5, "guest-test: before the mark")
	log := guest.WatchKernelLog(t)
	if got := own(log.Records()); len(got) != 0 {
		t.Fatalf("records at the mark: got %+v, want none", got)
	}
	say(t, 5, "guest-test: one")
	say(t, 7, "guest-test: two")
	want := []guest.Record{
		{Facility: 1, Level: 5, Text: "guest-test: one"},
		{Facility: 1, Level: 7, Text: "guest-test: two"},
	}
	for range 2 {
		if got := own(log.Records()); !slices.Equal(got, want) {
			t.Fatalf("records: got %+v, want %+v", got, want)
		}
	}
}

func TestKernelLogHasBytesAsTheyWereLogged(t *testing.T) {
	log := guest.WatchKernelLog(t)
	texts := []string{
		"guest-test: a\nb",
		"guest-test: \x1b[31m",
		"guest-test: \xff\x80",
		`guest-test: \x0a`,
		`guest-test: \`,
		"guest-test: a;b,c=d",
	}
	for _, text := range texts {
		say(t, 7, text)
	}
	var got []string
	for _, record := range own(log.Records()) {
		got = append(got, record.Text)
	}
	if !slices.Equal(got, texts) {
		t.Fatalf("records: got %q, want %q", got, texts)
	}
}

func TestKernelLogHasWhatTheKernelSays(t *testing.T) {
	log := guest.WatchKernelLog(t)
	if err := guest.TryLoadModule(t, plain, "numdummies=many"); err == nil {
		t.Fatal("load with a bad parameter: no error")
	}
	const want = "dummy: `many' invalid for parameter `numdummies'"
	if got := log.WaitFor(want, time.Minute); got != (guest.Record{Level: 3, Text: want}) {
		t.Fatalf("record: got %+v", got)
	}
}

func TestWaitForWaits(t *testing.T) {
	log := guest.WatchKernelLog(t)
	go func() {
		time.Sleep(50 * time.Millisecond) // so that the other side waits already, most of the time
		say(t, 7, "guest-test: late")
	}()
	if got := log.WaitFor("guest-test: late", time.Minute); got.Level != 7 {
		t.Fatalf("record: got %+v, want level 7", got)
	}
}

func TestWaitForGivesUp(t *testing.T) {
	wantFailure(t, `no record "guest-test: never"`, func(tb testing.TB) {
		guest.WatchKernelLog(tb).WaitFor("guest-test: never", 10*time.Millisecond)
	})
}

func TestKernelLogNoticesLostRecords(t *testing.T) {
	failures := record(t, func(tb testing.TB) {
		log := guest.WatchKernelLog(tb)
		// Each has almost 1 KB: together they are far more than the kernel's
		// buffer. The pauses let the harness read all of them.
		for i := range 1 << 10 {
			say(t, 7, "guest-test: "+strings.Repeat("x", 900))
			if i%16 == 0 {
				time.Sleep(20 * time.Millisecond)
			}
		}
		if len(own(log.Records())) == 0 {
			t.Error("no records after lost ones")
		}
	})
	if len(failures) == 0 || !strings.Contains(failures[0], "overwritten") {
		t.Fatalf("lost records: got failures %q", failures)
	}
}

func TestExpectKernelFaultRefusesBenchmarks(t *testing.T) {
	testing.Benchmark(func(b *testing.B) {
		guest.ExpectKernelFault(b, "", "no such fault")
		t.Error("the benchmark continued after ExpectKernelFault")
	})
}
