package explain

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/klog/trace"
	"github.com/kmodtest/kmodtest/harness/internal/request"
)

func frames(names ...string) []trace.Frame {
	var all []trace.Frame
	for _, name := range names {
		var f trace.Frame
		name, f.Guess = strings.CutPrefix(name, "? ")
		f.Function, f.Module, _ = strings.Cut(name, "@")
		all = append(all, f)
	}
	return all
}

func explained(kernel string, modules map[string]string, names ...string) *Explanation {
	return (&Explainer{kernel, modules}).Explain(frames(names...))
}

func TestProbesAreOnModuleAndWhatItCalls(t *testing.T) {
	for _, c := range []struct{ name, trace, want string }{
		{"a fault in the module", "inner@m; ? page_fault_oops; outer@m; vfs_write; do_syscall_64", "inner outer"},
		{"a fault in a function that it calls", "__list_add_valid; deep; kfree; inner@m; outer@m; vfs_write", "deep kfree inner outer"},
		{"the report itself", "__warn; report_bug; exc_invalid_op; inner@m; vfs_write", "inner"},
		{"kernel code between", "inner@m; call_back; outer@m; vfs_write", "inner call_back outer"},
		{"recursion", "inner@m; back@m; inner@m; outer@m", "inner back outer"},
		{"a cold part", "inner.cold@m; outer@m", "inner outer"},
		{"no module", "panic; sysrq_handle_crash; proc_write; vfs_write", "proc_write vfs_write"},
		{"nothing", "panic; dump_stack", ""},
	} {
		var got []string
		for _, f := range choose(frames(strings.Split(c.trace, "; ")...)) {
			got = append(got, f.Function)
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s: probes on %q, want %q", c.name, text, c.want)
		}
	}
	if explained("", nil, "panic", "dump_stack") != nil {
		t.Error("there is an explanation without functions")
	}
}

const source = `
struct entry { unsigned number; struct entry *next; unsigned bit : 1; char name[8]; };
struct pair { void *p; long n; };
struct big { long n[3]; };
int inner(struct entry *first, struct pair pair, const signed char factor) { return first->number + pair.n + factor; }
int outer(int a, struct big big, int b) { return a + big.n[0] + b; }
int none(void) { return 0; }
`

// object compiles source with debug information.
func object(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "m.c"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "gcc", "-g", "-O2", "-c", "m.c", "-o", "m.ko")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, "m.ko")
}

func TestArgumentsHaveNames(t *testing.T) {
	e := explained("", map[string]string{"m": object(t)}, "inner@m", "outer@m", "none@m", "unknown@m")
	want := []string{
		"/sys/kernel/tracing/kprobe_events p:kmodtest/e0 m:unknown a0=$arg1:x64 a1=$arg2:x64 a2=$arg3:x64",
		"/sys/kernel/tracing/kprobe_events p:kmodtest/e1 m:none",
		"/sys/kernel/tracing/kprobe_events p:kmodtest/e2 m:outer a0=$arg1:s32", // the next argument is in memory
		"/sys/kernel/tracing/kprobe_events p:kmodtest/e3 m:inner a0=$arg1:x64 a0_0=+0($arg1):u32 a0_1=+8($arg1):x64 a1=$arg2:x64 a2=$arg4:s8",
	}
	settings := e.Settings()
	for i, line := range want {
		if settings[i+1] != line {
			t.Errorf("setting %q, want %q", settings[i+1], line)
		}
	}
	log := `<0>[    2.5] noise
[    2.100001] Dumping ftrace buffer:
[    2.100002][  T107] vmtest.t-107     1d...1 2098765us+: e3: (inner+0x0/0x20 [m]) a0=0xffff888003a1be58 a0_0=7 a0_1=0x0 a1=0xffff888003a1be58 a2=-3
[    2.100003] my prog-8       0.... 2098770us : e3: (inner+0x0/0x20 [m]) a0=0x0 a0_0=0 a0_1=0x0 a1=0x1 a2=4
[    2.100003] my prog-8       0.... 2098770us : e3: (inner+0x0/0x20 [m]) a0=0x7 a0_0=(fault) a0_1=(fault) a1=0x1 a2=5
[    2.100004] my prog-8       0.... 2098771us : e9: (inner+0x0/0x20 [m])
`
	got := e.Text(log)
	for _, line := range []string{
		"    2.098765 cpu 1 vmtest.t-107       inner(first=0xffff888003a1be58 {number=7, next=NULL}, pair=0xffff888003a1be58, factor=-3)\n",
		"    2.098770 cpu 0 my prog-8       inner(first=NULL, pair=0x1, factor=4)\n",
		"    2.098770 cpu 0 my prog-8       inner(first=0x7, pair=0x1, factor=5)\n",
	} {
		if !strings.Contains(got, line) {
			t.Errorf("the explanation lacks %q:\n%s", line, got)
		}
	}
}

func TestExplanationWithoutCallsSaysWhy(t *testing.T) {
	e := explained("", nil, "inner@m")
	got := e.Text("[    1.0] kmodtest: cannot write \"1\": no such file or directory\n")
	if !strings.Contains(got, "printed no call") || !strings.Contains(got, "    cannot write \"1\": no such file") {
		t.Errorf("got %q", got)
	}
}

func TestCallsThatNoModuleMadeAreLeftOut(t *testing.T) {
	e := explained("", nil, "fput", "inner@m", "outer@m") // e2, e1, e0
	line := "[    1.0] t-%s   0.... %s : e%s: (f+0x0/0x20) a0=0x%[2]s\n"
	log := ""
	for _, c := range [][]any{{"1", "1us", "2"}, {"1", "2us", "0"}, {"2", "3us", "2"}, {"1", "4us", "2"}, {"1", "5us", "1"}, {"1", "6us", "2"}} {
		log += fmt.Sprintf(line, c...)
	}
	got := e.Text(log)
	for number, want := range []bool{false, true, false, false, true, true} {
		if strings.Contains(got, fmt.Sprintf("0.00000%d cpu", number+1)) != want {
			t.Errorf("call %d: want %v in\n%s", number+1, want, got)
		}
	}
}

func TestOnlyLastCallsArePrinted(t *testing.T) {
	e := explained("", nil, "inner@m")
	got := e.Text(strings.Repeat("[    1.0] t-1   0.... 7us : e0: (inner+0x0/0x20 [m]) a0=0x1 a1=0x2 a2=0x3\n", maxCalls+5))
	if n := strings.Count(got, "inner(0x1, 0x2, 0x3, …)"); n != maxCalls || !strings.Contains(got, "[… 5 calls before]") {
		t.Errorf("%d calls are printed, want %d:\n%s", n, maxCalls, got)
	}
}

func TestOnlyTheTestRunsAgain(t *testing.T) {
	r := request.Request{CoverDir: "/c", Flags: []request.Flag{{Name: "test.run", Value: "A"}, {Name: "own", Value: "1"}}, Values: map[string]string{"test.run": "A"}}
	r = r.With("test.count", "5").With("test.coverprofile", "p")
	got := Request(r, "TestA/b.c")
	if got.Values["test.run"] != `^TestA$/^b\.c$` || got.Values["test.count"] != "1" || got.Values["test.coverprofile"] != "" || got.CoverDir != "" {
		t.Errorf("the request is %+v", got)
	}
	if got.Flags[0].Name != "own" {
		t.Errorf("the flags are %v", got.Flags)
	}
}

func TestUnknownKernelHasNoNames(t *testing.T) {
	e := explained(filepath.Join(t.TempDir(), "none"), nil, "vfs_write")
	if got := e.Settings()[1]; !strings.HasSuffix(got, " vfs_write a0=$arg1:x64 a1=$arg2:x64 a2=$arg3:x64") {
		t.Errorf("the probe is %q", got)
	}
}
