package cluster

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// step is an event of one machine.
type step struct {
	machine int
	does    string // "ends", "fails", or the moment for which it waits
}

// Answers come when all have arrived, or when that has become impossible.
func TestMachinesWaitForOneAnother(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		steps []step
		want  string // the last answers to the machines; - for none
	}{
		"all arrive":                {[]step{{0, "a"}, {2, "a"}, {1, "a"}}, "yes0, yes1, yes2"},
		"one is missing":            {[]step{{0, "a"}, {2, "a"}}, "-, -, -"},
		"different moments":         {[]step{{0, "a"}, {1, "b"}, {2, "a"}}, "-, -, -"},
		"one has ended":             {[]step{{1, "ends"}, {0, "a"}}, "no: TestX/machine1 has ended, -, -"},
		"one ends":                  {[]step{{0, "a"}, {2, "a"}, {1, "ends"}}, "no: TestX/machine1 has ended, -, no: TestX/machine1 has ended"},
		"one waits twice":           {[]step{{0, "a"}, {0, "a"}}, "no: this machine waits for it already, -, -"},
		"one fails":                 {[]step{{0, "a"}, {2, "a"}, {1, "fails"}}, "-, -, -"},
		"one has failed":            {[]step{{1, "fails"}, {0, "a"}, {2, "a"}}, "-, -, -"},
		"a second one ends":         {[]step{{0, "a"}, {1, "fails"}, {2, "ends"}}, "-, -, -"},
		"all tests have ended":      {[]step{{0, End}, {1, End}, {2, End}}, "yes0, yes1, yes2"},
		"a machine died as planned": {[]step{{0, End}, {1, "ends"}, {2, End}}, "yes0, -, yes2"},
		"a machine failed":          {[]step{{0, End}, {1, "fails"}, {2, "ends"}}, "yes0, -, -"},
		"not all tests have ended":  {[]step{{0, End}, {1, "ends"}}, "-, -, -"},
	} {
		synctest.Test(t, func(t *testing.T) {
			all, err := New("TestX", 3)
			if err != nil {
				t.Fatal(err)
			}
			defer all.Close()
			answers := []string{"-", "-", "-"}
			for _, s := range c.steps {
				switch m := all.Members[s.machine]; s.does {
				case "ends":
					m.Leave(nil)
				case "fails":
					m.Leave(errors.New("it failed"))
				default:
					err := m.Wait(s.does, func(ok bool, text string) {
						answers[s.machine] = fmt.Sprint("yes", s.machine)
						if !ok {
							answers[s.machine] = "no: " + text
						}
					})
					if err != nil {
						t.Error(err)
					}
				}
				synctest.Wait()
			}
			if got := strings.Join(answers, ", "); got != c.want {
				t.Errorf("%s: answers %q, want %q", name, got, c.want)
			}
		})
	}
}

// A moment can be waited for again.
func TestMomentsComeAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, err := New("TestX", 2)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for range 3 * maxOpen {
			both := make(chan bool, 2)
			for _, m := range c.Members {
				if err := m.Wait("again", func(ok bool, _ string) { both <- ok }); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 {
				if !<-both {
					t.Fatal("the answer is no")
				}
			}
			synctest.Wait() // until the answers no longer count
		}
		if len(c.waiting) > 0 {
			t.Errorf("%d moments are kept", len(c.waiting))
		}
	})
}

func TestFailureEndsTheOthers(t *testing.T) {
	t.Parallel()
	c, err := New("TestX", 3)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	never := func(bool, string) {}
	if err := c.Members[2].Wait(End, never); err != nil {
		t.Fatal(err)
	}
	c.Members[1].Leave(errors.New("it failed"))
	c.Members[0].Leave(errors.New("because of that"))
	for i, want := range []string{"TestX/machine1", "", ""} { // the tests of the last one have ended
		if got := c.Members[i].FailedPeer(); got != want || c.Members[i].Guilty() != (i == 1) {
			t.Errorf("machine %d: failed peer %q, guilty %v; want %q", i, got, c.Members[i].Guilty(), want)
		}
	}
}

func TestRequestsToWaitAreLimited(t *testing.T) {
	t.Parallel()
	c, err := New("TestX", 2)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	deaf := make(chan bool)
	defer close(deaf)
	for i := 0; err == nil && i < 100_000; i++ {
		err = c.Members[0].Wait("a", func(bool, string) { <-deaf })
	}
	var garbled *wire.GarbledError
	if !errors.As(err, &garbled) || !strings.Contains(err.Error(), "more than 128 requests of TestX/machine0 wait") {
		t.Errorf("%v", err)
	}
}

// The first machine has a link to each other one, and each end is used once.
func TestMachinesAreLinked(t *testing.T) {
	t.Parallel()
	c, err := New("TestX", 3)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	nics := map[string]int{}
	first := c.Members[0].NIC()
	for _, m := range c.Members[1:] {
		nic := m.NIC()
		nics[nic.Address] = len(nic.Links)
		if m.NIC() != nil {
			t.Error("a card is given out twice")
		}
		if _, err := nic.Links[0].WriteString(nic.Address); err != nil {
			t.Error(err)
		}
		t.Cleanup(func() { nic.Links[0].Close() })
	}
	if len(first.Links) != 2 || len(nics) != 2 || nics[first.Address] != 0 {
		t.Fatalf("cards %v, and %d links", nics, len(first.Links))
	}
	for _, link := range first.Links {
		text := make([]byte, 17)
		if _, err := link.Read(text); err != nil || nics[string(text)] != 1 {
			t.Errorf("from another machine: %q, %v", text, err)
		}
		link.Close()
	}
}
