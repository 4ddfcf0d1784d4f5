package trace

import (
	"strings"
	"testing"
)

// guilty returns the guilty function of a report with these lines after its head.
func guilty(t *testing.T, where Blame, lines string) string {
	t.Helper()
	r := Reader{}
	for line := range strings.SplitSeq(strings.Trim(lines, "\n"), "\n") {
		r.Line(strings.TrimPrefix(line, "\t"))
	}
	f, ok := r.Guilty(where, nil)
	if !ok {
		t.Fatalf("no function is guilty; the frames are %+v", r.Frames())
	}
	return f.Place()
}

func TestOwnerOfObjectIsGuilty(t *testing.T) {
	got := guilty(t, AnyStack, `
	Call Trace:
	 dump_stack+0x10/0x20
	 kasan_report+0x10/0x20
	 lock_timer_base+0x10/0x20
	 mod_timer+0x10/0x20
	 gadget_rearm+0x10/0x20
	 gadget_ioctl+0x10/0x20`)
	if got != "gadget_rearm" {
		t.Errorf("got %s, want gadget_rearm, which owns the timer", got)
	}
}

func TestServiceIsGuiltyWhereNobodyElseIs(t *testing.T) {
	if got := guilty(t, AnyStack, "Call Trace:\n __warn+0x1/0x2\n __flush_work+0x10/0x20\n ret_from_fork+0x1/0x2"); got != "__flush_work" {
		t.Errorf("got %s, want __flush_work", got)
	}
}

// With panic_on_warn, the trace is printed inside the handler of the exception that a warning is.
func TestCodeBehindExceptionIsGuilty(t *testing.T) {
	got := guilty(t, AnyStack, `
	Call Trace:
	 dump_stack+0x10/0x20
	 panic+0x10/0x20
	 __warn+0x10/0x20
	 report_bug+0x10/0x20
	 do_invalid_op+0x10/0x20
	 invalid_op+0x10/0x20
	RIP: 0010:__flush_work+0x10/0x20
	 gadget_disconnect+0x10/0x20
	 worker_thread+0x10/0x20`)
	if got != "gadget_disconnect" {
		t.Errorf("got %s, want gadget_disconnect", got)
	}
}

func TestStallIsInInterruptedFunction(t *testing.T) {
	got := guilty(t, Interrupted, `
	Call Trace:
	 rcu_sched_clock_irq+0x10/0x20
	 asm_sysvec_apic_timer_interrupt+0x10/0x20
	RIP: 0010:gadget_spin+0x10/0x20
	 gadget_ioctl+0x10/0x20
	 do_vfs_ioctl+0x10/0x20
	 do_syscall_64+0x10/0x20`)
	if got != "gadget_spin" {
		t.Errorf("got %s, want gadget_spin", got)
	}
}

// The interrupt of a stall comes at a random place of the loop, so the operation counts.
func TestStallInHelperIsInOperation(t *testing.T) {
	for entry, want := range map[string]string{
		" do_vfs_ioctl+0x10/0x20\n do_syscall_64+0x10/0x20":                "gadget_handle",
		" __x64_sys_ioctl+0x10/0x20\n do_syscall_64+0x10/0x20":             "gadget_handle",
		" process_one_work+0x10/0x20\n worker_thread+0x10/0x20":            "gadget_handle",
		" __netif_receive_skb_core+0x10/0x20\n process_backlog+0x10/0x20":  "gadget_handle",
		" call_timer_fn.constprop.0+0x10/0x20\n run_timer_softirq+0x1/0x2": "gadget_handle",
		"": "gadget_step", // the trace does not show who called
	} {
		got := guilty(t, Interrupted, `
	Call Trace:
	 rcu_sched_clock_irq+0x10/0x20
	 asm_sysvec_apic_timer_interrupt+0x10/0x20
	RIP: 0010:__asan_load8+0x10/0x20
	 memcpy+0x10/0x20
	 gadget_step+0x10/0x20
	 gadget_handle+0x10/0x20
`+entry)
		if got != want {
			t.Errorf("with %q behind it: got %s, want %s", entry, got, want)
		}
	}
}

func TestStackOverflowIsInOperation(t *testing.T) {
	got := guilty(t, Operation, `
	RIP: 0010:psi_group_change+0x10/0x20
	Call Trace:
	 gadget_event+0x10/0x20
	 gadget_again+0x10/0x20
	 gadget_newlink+0x10/0x20
	 rtnetlink_rcv_msg+0x10/0x20
	 netlink_rcv_skb+0x10/0x20`)
	if got != "gadget_newlink" {
		t.Errorf("got %s, want gadget_newlink", got)
	}
}

// A script that decodes a trace prints the functions that are inlined at the instruction, too.
func TestLastJumpIsNotInstructionOfInlinedFunction(t *testing.T) {
	if got := guilty(t, AnyStack, `
	Krnl PSW : 0704c00180000000 00000000a1b2c3d4 (gadget_inline a.c:1 [inline])
	Krnl PSW : 0704c00180000000 00000000a1b2c3d4 (gadget_set+0x10/0x20 a.c:2)
	Call Trace:
	 [<00000000a1b2c3d4>] gadget_set+0x10/0x20
	Last Breaking-Event-Address:
	 [<00000000a1b2d3d4>] gadget_call+0x10/0x20`); got != "gadget_set" {
		t.Errorf("got %s, want gadget_set", got)
	}
}

// A jump to NULL has no function, and no trace has its caller.
func TestLastJumpIsInstruction(t *testing.T) {
	var r Reader
	for _, line := range []string{
		"Krnl PSW : 0704c00180000000 0000000000000002 (0x2)", "Call Trace:", " [<0000000000000002>] 0x2 ", " [<000003ff7fd14886>] run+0x5e/0x90 [m] ",
		"Last Breaking-Event-Address:", " [<000003ff7fd14ab0>] call+0x28/0x38 [m]",
	} {
		r.Line(line)
	}
	want := Frame{Function: "call", Offset: 0x28, Size: 0x38, Module: "m"} // no return address
	if got, ok := r.Guilty(AnyStack, map[string]bool{"m": true}); !ok || got != want {
		t.Errorf("guilty is %+v, want %+v", got, want)
	}
}

// A function in assembly, or one that calls no other, has no frame on arm64 and riscv: the trace goes on behind its caller.
func TestCallerInRegisterIsGuilty(t *testing.T) {
	for name, lines := range map[string]string{
		"arm64": `
	pc : __pi_strlen+0x14/0x150
	lr : gadget_write+0x34/0x80 [gadget]
	Call trace:
	 __pi_strlen+0x14/0x150 (P)
	 proc_reg_write+0xac/0x100
	 vfs_write+0xdc/0x3a0`,
		"a function that is no helper": `
	pc : int_sqrt64+0x14/0x40
	lr : gadget_write+0x34/0x80 [gadget]
	Call trace:
	 int_sqrt64+0x14/0x40
	 proc_reg_write+0xac/0x100`,
		"riscv": `
	epc : __memcpy+0x10/0x20
	 ra : gadget_write+0x34/0x80 [gadget]
	[<ffffffff80a1c2da>] __memcpy+0x10/0x20
	[<ffffffff803b3ff8>] proc_reg_write+0x48/0x96`,
	} {
		if got := guilty(t, AnyStack, lines); got != "gadget_write [gadget]" {
			t.Errorf("%s: got %s, want gadget_write [gadget]", name, got)
		}
	}
	if got := guilty(t, AnyStack, `
	pc : strlen+0x14/0x20
	lr : gadget_name+0x34/0x80
	Call trace:
	 strlen+0x14/0x20
	 gadget_show+0x10/0x20`); got != "gadget_name" {
		t.Errorf("in the kernel: got %s, want gadget_name", got)
	}
	if got := guilty(t, AnyStack, `
	pc : refcount_warn_saturate+0xf4/0x148
	lr : refcount_warn_saturate+0xf0/0x148
	Call trace:
	 refcount_warn_saturate+0xf4/0x148
	 gadget_put+0x10/0x20`); got != "gadget_put" {
		t.Errorf("after a call: got %s, want gadget_put", got)
	}
}

// Without a line that points at it, the function behind that of an interrupt's entry is where the processor was.
func TestStallIsBehindEntryOfInterrupt(t *testing.T) {
	for _, entry := range []string{"el1_irq", "el1h_64_irq", "ext_int_handler", "io_int_handler", "ret_from_exception", "handle_exception"} {
		got := guilty(t, Interrupted, `
	Call trace:
	 rcu_sched_clock_irq+0x10/0x20
	 hrtimer_interrupt+0x10/0x20
	 do_irq+0x10/0x20
	 `+entry+`+0x10/0x20
	 gadget_spin+0x10/0x20
	 gadget_ioctl+0x10/0x20
	 __arm64_sys_ioctl+0x10/0x20`)
		if got != "gadget_spin" {
			t.Errorf("%s: got %s, want gadget_spin", entry, got)
		}
	}
}

// Before 6.4, riscv had no function of its own between the driver of interrupts and the entry of exceptions.
func TestInterruptOfRISCVIsGuilty(t *testing.T) {
	for _, entry := range []string{"riscv_intc_irq+0x10/0x20", "generic_handle_arch_irq+0x10/0x20", "handle_riscv_irq+0x10/0x20"} {
		got := guilty(t, AnyStack, `
	epc : gadget_irq+0x10/0x20
	[<ffffffff80a1c2da>] gadget_irq+0x10/0x20
	[<ffffffff803b3ff8>] plic_handle_irq+0x10/0x20
	[<ffffffff803b3ffc>] `+entry+`
	[<ffffffff803b4ff8>] ret_from_exception+0x0/0x20
	[<ffffffff01b3c3f8>] victim_read+0x10/0x20 [victim]`)
		if got != "gadget_irq" {
			t.Errorf("%s: got %s, want gadget_irq", entry, got)
		}
	}
}

func TestReturnAddressesOfTrace(t *testing.T) {
	var r Reader
	for _, line := range []string{
		"Call trace:", " __warn+0x10/0x20", " el1h_64_sync+0x10/0x20", " f+0x10/0x20 [m] (P)", " g+0x10/0x20 [m] (F)", " __switch_to+0x10/0x20 (T)", " el1_irq+0x10/0x20", " h+0x10/0x20",
	} {
		r.Line(line)
	}
	instructions := ""
	for _, f := range r.Frames() {
		if !f.Return {
			instructions += f.Function + " "
		}
	}
	if instructions != "f h " {
		t.Errorf("instructions are at %q, want f and h", instructions)
	}
}

// An idle processor does nothing that could be guilty of a stall. An exception may be of the idle function itself.
func TestIdleProcessorIsNotGuiltyOfStall(t *testing.T) {
	idle := `
	RIP: 0010:cpuidle_enter_state+0x10/0x20
	Call Trace:
	 cpuidle_enter+0x10/0x20
	 do_idle+0x10/0x20
	 start_kernel+0x10/0x20`
	for _, test := range []struct {
		where Blame
		lines string
		want  string
	}{
		{Interrupted, idle + "\n\tNMI backtrace for cpu 1\n\tRIP: 0010:gadget_spin+0x10/0x20", "gadget_spin"},
		{AnyStack, idle, "cpuidle_enter_state"},
		{AnyStack, "\n\tRIP: 0010:gadget_timer+0x10/0x20\n\tCall Trace:\n\t </IRQ>" + idle, "gadget_timer"},
	} {
		if got := guilty(t, test.where, test.lines); got != test.want {
			t.Errorf("%s: got %q, want %q", test.lines, got, test.want)
		}
	}
	var r Reader
	for line := range strings.SplitSeq(idle, "\n") {
		r.Line(strings.TrimPrefix(line, "\t"))
	}
	if f, ok := r.Guilty(Interrupted, nil); ok {
		t.Errorf("%s is guilty of a stall of an idle processor", f.Place())
	}
}
