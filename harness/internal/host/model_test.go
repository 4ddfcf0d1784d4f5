package host

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// FuzzConversation lets a guest send records in any order. The stream may end
// after any of them.
func FuzzConversation(f *testing.F) {
	for _, script := range []string{
		"", "ABCDEFxyz", "ABxyz", "ACCCBDExyz", "ABCDExfffyz", "0123456789", "Axyz", "xyzAB", "A;<;<Exyz", "A=", "ABCDEmnopqrstuvwxyz",
		"ABC\x1a\x1a\x1b\x5aDExyz", "A\x1cxyz", "AB\x3f\x3fCDExyz", "AB\x3eCDExyz",
	} {
		f.Add([]byte(script), -1)
		f.Add([]byte(script), 100)
	}
	f.Fuzz(func(t *testing.T, script []byte, cut int) {
		dir := t.TempDir()
		inner := filepath.Join(dir, "package")
		if err := os.Mkdir(inner, 0o755); err != nil {
			t.Fatal(err)
		}
		told := model{begun: map[string]int{}}
		err := converse(t, inner, func(word string, out *wire.Writer) { told.play(script, cut, word, out) }, map[string]string{
			"test.timeout": "5s", "test.cpuprofile": "cpu.out", "test.artifacts": "true", "test.outputdir": inner,
		})
		if err == nil && !told.mayPass() {
			t.Errorf("the run passed, but the guests have sent tests %v, failed %t, finished %t, done %t", told.begun, told.failed, told.finished, told.done)
		}
		if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
			t.Errorf("files were written outside of the package: %v, %v", list, err)
		}
		list, err := os.ReadDir(inner)
		for _, entry := range list {
			if name := entry.Name(); name != "cpu.out" && name != "_artifacts" {
				t.Errorf("unexpected file %q", name)
			}
		}
		if err != nil {
			t.Error(err)
		}
	})
}

// model tracks what the guests of a run send up to their done records.
type model struct {
	mu       sync.Mutex
	begun    map[string]int // tests that have begun and not ended, by marks and by output
	failed   bool           // a test has failed
	finished bool           // the first exit record reports a regular end
	exited   bool
	done     bool
	unclear  bool // the output has a line without an end
	number   int  // of the last mark
}

func (m *model) mayPass() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, n := range m.begun {
		if n > 0 && (!m.unclear || !strings.HasPrefix(name, "output ")) {
			return false
		}
	}
	return m.done && m.finished && (m.unclear || !m.failed)
}

// play sends a record for each byte of the script. The stream ends after at most
// cut bytes, if that is not negative.
func (m *model) play(script []byte, cut int, word string, out *wire.Writer) {
	sent := 0
	for _, c := range script {
		m.mu.Lock()
		typ, payload := m.record(c, word)
		m.mu.Unlock()
		if size := 5 + len(payload); cut >= 0 && sent+size > cut {
			return // the stream ends before this record, even if cut is inside it
		}
		sent += 5 + len(payload)
		if out.Write(typ, payload) != nil {
			return
		}
	}
}

// testNames are the names in a conversation.
var testNames = [...]string{"TestA", "TestB", "TestA/x", "TestA/x/y"}

// record returns the record for a byte of the script, and follows it.
func (m *model) record(c byte, word string) (wire.Type, []byte) {
	name := testNames[c>>6]
	if typ, payload, ok := m.logRecord(c&63, name, word); ok {
		return typ, payload
	}
	if typ, payload, ok := m.outputRecord(c&63, name); ok {
		return typ, payload
	}
	if typ, payload := requestRecord(c, name); typ != 0 {
		return typ, payload
	}
	switch c & 63 {
	case 17:
		return message(wire.File, &wire.FileHead{Name: "/../../" + name, Mode: 0o644})
	case 18:
		return message(wire.File, &wire.FileHead{Name: "/etc/" + name, Mode: 0o644})
	case 19:
		return wire.Data, []byte("content")
	case 20:
		return wire.FileEnd, nil
	case 22:
		return wire.Beat, nil
	case 16:
		return wire.Taken, nil
	case 23:
		return wire.Type(c), []byte{c, c, c}
	case 24:
		return wire.Exit, []byte{0x80, 0x04, 0, 1, 0} // exit code 256
	case 25:
		m.exited = true
		return message(wire.Exit, &wire.Status{Code: int(c >> 6), Finished: c>>6 == 0})
	case 56:
		if !m.exited {
			m.exited, m.finished = true, true
		}
		return message(wire.Exit, &wire.Status{Finished: true})
	case 57:
		return message(wire.Checks, &wire.Findings{})
	case 58:
		m.done = true
		return wire.Done, nil
	}
	return wire.Stdout, []byte{c & 63, '\n'}
}

// requestRecord is record for requests to the host. The type is 0 for other bytes.
func requestRecord(c byte, name string) (wire.Type, []byte) {
	switch c & 63 {
	case 21:
		return message(wire.Ask, &wire.Request{ID: "1", Verb: wire.VerbFresh, Args: []string{"TestA", "1"}})
	case 26:
		return message(wire.Modprobe, &wire.ModuleRequest{ID: int64(c), Name: name, ByKernel: true})
	case 27:
		return message(wire.Modprobe, &wire.ModuleRequest{Name: "../../" + name + "\x1b[2J", NamesOnly: true, Loaded: []string{name}})
	case 29:
		return message(wire.HostAsk, &wire.HostRequest{ID: int64(c), Op: wire.HostOp(c % 3), Path: "/etc/" + name, Size: 100})
	case 30:
		return message(wire.HostReply, &wire.HostAnswer{})
	case 28:
		return message(wire.ModuleEnd, &wire.ModuleResult{})
	case 59:
		return message(wire.Ask, &wire.Request{ID: "1", Verb: wire.VerbDisk, Args: []string{"512", "-"}})
	case 60:
		return message(wire.Ask, &wire.Request{ID: "2", Verb: wire.VerbRemove, Args: []string{"kmodtest1"}})
	case 62:
		return message(wire.Ask, &wire.Request{ID: "4", Verb: wire.VerbWait, Args: []string{"moment"}})
	case 63:
		return message(wire.Ask, &wire.Request{ID: "5", Verb: wire.VerbTogether, Args: []string{"TestA", "1", "2"}})
	case 61:
		return message(wire.Ask, &wire.Request{ID: "3", Verb: "shell", Args: []string{name}})
	}
	return 0, nil
}

// logRecord is record for records of the kernel log.
func (m *model) logRecord(c byte, name, word string) (typ wire.Type, payload []byte, ok bool) {
	switch c {
	case 1, 33:
		m.add("mark "+name, 1)
		typ, payload = m.mark("run "+name, word)
	case 4, 36:
		m.add("mark "+name, -1)
		typ, payload = m.mark("end "+name+" PASS 0.00s", word)
	case 7:
		m.failed = m.failed || !m.done && m.begun["mark "+name] > 0
		m.add("mark "+name, -1)
		typ, payload = m.mark("end "+name+" FAIL 0.00s", word)
	case 8:
		typ, payload = m.mark("pause "+name, word)
	case 9:
		typ, payload = m.mark("end "+name+" PASS 0.00s", "guess")
	case 10:
		typ, payload = m.mark("expect "+name+" * .", word)
	case 11:
		typ, payload = wire.KernelLog, []byte("4,1,1,-;WARNING: CPU: 0 PID: 1 at x.c:1 f+0x1/0x2 [m]")
	case 12:
		typ, payload = wire.KernelLog, []byte("not a record")
	}
	return typ, payload, payload != nil
}

// outputRecord is record for output of the test binary.
func (m *model) outputRecord(c byte, name string) (typ wire.Type, payload []byte, ok bool) {
	switch c {
	case 2:
		m.set("output "+name, 1)
		typ, payload = wire.Stdout, []byte("\x16=== RUN   "+name+"\n")
	case 3:
		m.set("output "+name, 1)
		typ, payload = wire.Stdout, []byte("\x16>>> 0 "+name+"\n")
	case 5, 37:
		m.set("output "+name, 0)
		typ, payload = wire.Stdout, []byte("\x16--- PASS: "+name+" (0.00s)\n")
	case 6:
		m.set("output "+name, 0)
		m.failed = m.failed || !m.done
		typ, payload = wire.Stdout, []byte("\x16--- FAIL: "+name+" (0.00s)\n")
	case 13:
		m.unclear = true
		typ, payload = wire.Stdout, []byte("\x16=== RUN   "+name)
	case 14:
		typ, payload = wire.Stdout, []byte("PASS\ncoverage: 1% of statements\n")
	case 15:
		typ, payload = wire.Stderr, []byte("text")
	case 16:
		typ, payload = wire.Stdout, fmt.Appendf(nil, "\x16<<< %d\n", m.number)
	}
	return typ, payload, payload != nil
}

// add adds n to the number of running tests of that name.
func (m *model) add(name string, n int) {
	if !m.done {
		m.begun[name] = max(0, m.begun[name]+n)
	}
}

func (m *model) set(name string, n int) {
	if !m.done {
		m.begun[name] = n
	}
}

func (m *model) mark(text, word string) (wire.Type, []byte) {
	m.number++
	return wire.KernelLog, mark(fmt.Sprintf("%s #%d", text, m.number), word)
}

// message returns a record with a message.
func message(typ wire.Type, msg wire.Message) (wire.Type, []byte) {
	var b bytes.Buffer
	if err := wire.NewWriter(&b).WriteMessage(typ, msg); err != nil {
		panic(err)
	}
	return typ, b.Bytes()[5:]
}
