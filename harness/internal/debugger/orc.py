"""Unwinds the stack of a Linux kernel on x86-64 by its ORC tables, for a kernel without debug information.

An ORC entry says for a range of code where the previous frame is; see arch/x86/include/asm/orc_types.h of the kernel.
"""

import struct

import gdb
import gdb.unwinder

MASK = (1 << 64) - 1
UNDEFINED, PREV_SP, DX, DI, BP, SP, R10, R13, BP_INDIRECT, SP_INDIRECT = range(10)
BASES = {DX: "rdx", DI: "rdi", BP: "rbp", SP: "rsp", R10: "r10", R13: "r13", BP_INDIRECT: "rbp", SP_INDIRECT: "rsp"}
CALL, REGS, REGS_PARTIAL = "call", "regs", "partial"
OLD_TYPES = {0: CALL, 1: REGS, 2: REGS_PARTIAL}
TYPES = {2: CALL, 3: REGS, 4: REGS_PARTIAL}
# The first members of struct pt_regs. rip, cs, eflags, rsp and ss follow, after the number of the system call.
PT_REGS = ["r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi"]
IRET_FRAME = 128


class FrameID:
    """What identifies a frame for gdb; both are values of registers."""

    def __init__(self, sp, pc):
        self.sp = sp
        self.pc = pc


class Orc(gdb.unwinder.Unwinder):
    def __init__(self, places, entries, end, old):
        super().__init__("kmodtest-orc")
        self.places = places  # address of the table of places in the code
        self.entries = entries  # address of the table of entries
        self.count = (end - places) // 4
        self.types = OLD_TYPES if old else TYPES

    def read(self, address, layout):
        size = struct.calcsize(layout)
        return struct.unpack(layout, gdb.selected_inferior().read_memory(address & MASK, size).tobytes())

    def word(self, address):
        return self.read(address, "<Q")[0]

    def place(self, index):
        at = self.places + 4 * index
        return (at + self.read(at, "<i")[0]) & MASK

    def entry(self, pc):
        """Returns the entry of the last place that is not behind pc, or None."""
        if not self.place(0) <= pc <= self.place(self.count - 1):
            return None
        low, high = 0, self.count
        while high - low > 1:
            middle = (low + high) // 2
            if self.place(middle) <= pc:
                low = middle
            else:
                high = middle
        sp_offset, bp_offset, flags = self.read(self.entries + 6 * low, "<hhH")
        kind = flags >> 8 & (3 if self.types is OLD_TYPES else 7)
        return sp_offset, bp_offset, flags & 15, flags >> 4 & 15, self.types.get(kind)

    def __call__(self, frame):
        pc = int(frame.read_register("rip")) & MASK
        try:
            entry = self.entry(pc - 1 if frame.level() > 0 else pc)
            return entry and self.unwind(frame, *entry)
        except gdb.MemoryError:
            return None

    def unwind(self, frame, sp_offset, bp_offset, sp_reg, bp_reg, kind):
        info = frame.create_unwind_info(FrameID(frame.read_register("rsp"), frame.read_register("rip")))

        def save(name, value):
            layout = frame.read_register(name).type
            info.add_saved_register(name, gdb.Value(struct.pack("<Q", value & MASK), layout))

        def end():
            save("rip", 0)
            save("rsp", int(frame.read_register("rsp")))
            return info

        if sp_reg not in BASES or kind is None:
            return end()
        register = frame.read_register(BASES[sp_reg])
        if register.is_optimized_out:
            return end()
        base = int(register) & MASK
        if sp_reg == SP_INDIRECT:
            cfa = (self.word(base) + sp_offset) & MASK
        elif sp_reg == BP_INDIRECT:
            cfa = self.word(base + sp_offset)
        else:
            cfa = (base + sp_offset) & MASK

        if kind == CALL:
            save("rip", self.word(cfa - 8))
            save("rsp", cfa)
        else:
            regs = cfa if kind == REGS else cfa - IRET_FRAME
            rip, cs, _, stack = self.read(regs + IRET_FRAME, "<4Q")
            if cs & 3:
                return end()  # user space
            # For all frames but the innermost, gdb looks at the instruction before rip, which made a call. This one was
            # interrupted and begins at rip.
            save("rip", rip + 1)
            save("rsp", stack)
            if kind == REGS:
                for index, name in enumerate(PT_REGS):
                    save(name, self.word(regs + 8 * index))
                return info
        if bp_reg == PREV_SP:
            save("rbp", self.word(cfa + bp_offset))
        elif bp_reg == BP and not frame.read_register("rbp").is_optimized_out:
            save("rbp", self.word((int(frame.read_register("rbp")) & MASK) + bp_offset))
        elif bp_reg == UNDEFINED and not frame.read_register("rbp").is_optimized_out:
            save("rbp", int(frame.read_register("rbp")))
        return info


def register_orc(places, entries, end, old):
    """Unwinds with the tables of a kernel; old means a kernel before Linux 6.4."""
    gdb.unwinder.register_unwinder(None, Orc(places, entries, end, old), replace=True)
