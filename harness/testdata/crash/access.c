// SPDX-License-Identifier: GPL-2.0-only
/* Memory accesses and instructions that raise an exception. */
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#ifdef CONFIG_X86
#include <asm/msr.h>
#endif

#include "crash.h"

noinline int crash_touch(volatile int *at)
{
	return *at;
}

noinline void crash_store(volatile int *at)
{
	*at = 1;
}

static noinline void crash_null_read(void)
{
	pr_info("crash: read %d\n", crash_touch(NULL)); /* null-read */
}

static noinline void crash_null_write(void)
{
	*(volatile int *)8 = 1; /* null-write */
}

static void (*volatile nowhere)(void);

static noinline void crash_null_call(void)
{
	nowhere(); /* null-call */
}

static noinline void crash_page_fault(void)
{
	pr_info("crash: read %d\n", crash_touch((int *)0xffffffffff000000)); /* page-fault */
}

static noinline void crash_user_access(void)
{
	pr_info("crash: read %d\n", crash_touch((int *)0x10000000)); /* user-access */
}

static noinline void crash_non_canonical(void)
{
	pr_info("crash: read %d\n", crash_touch((int *)0xdead000000000100)); /* non-canonical */
}

/* Without pointers, which would make it writable on s390x. */
static const int constant = 2;

static noinline void crash_read_only(void)
{
	*(volatile int *)&constant = 1; /* read-only */
}

static volatile int zero;

static noinline void crash_divide(void)
{
	pr_info("crash: divided: %d\n", 100 / zero); /* divide */
}

#ifdef CONFIG_X86
static noinline void crash_msr_read(void)
{
	u32 low, high;

	rdmsr(0xdeadbeef, low, high); /* msr-read */
	pr_info("crash: read %u %u\n", low, high);
}

static noinline void crash_msr_write(void)
{
	wrmsr(0xdeadbeef, 1, 0); /* msr-write */
}

static noinline void crash_bad_selector(void)
{
	asm volatile("ltr %w0" : : "r" (0x7ff8)); /* bad-selector */
}
#endif

static volatile int deepest = 1 << 20;

/* Each call uses its frame, so that the compiler does not make it a loop. */
static noinline int crash_recurse(int depth)
{
	volatile char frame[512];

	if (depth == deepest)
		return 0;
	frame[0] = depth;
	frame[511] = crash_recurse(depth + 1); /* stack-overflow */
	return frame[0] + frame[511];
}

static noinline void crash_stack_overflow(void)
{
	pr_info("crash: came back: %d\n", crash_recurse(0));
}

static char code[16] = { 0xc3 };
static void (*volatile data)(void) = (void *)code;

static noinline void crash_execute_data(void)
{
	data(); /* execute-data */
}

static noinline void crash_stack_smash(void)
{
	char buffer[16];

	crash_fill(buffer, 0x55, 64); /* stack-smash */
	pr_info("crash: filled %d\n", buffer[0]);
} /* stack-smash */

const struct crash_way crash_access[] = {
	{ "null-read", crash_null_read },
	{ "null-write", crash_null_write },
	{ "null-call", crash_null_call },
	{ "page-fault", crash_page_fault },
	{ "user-access", crash_user_access },
	{ "non-canonical", crash_non_canonical },
	{ "read-only", crash_read_only },
	{ "divide", crash_divide },
#ifdef CONFIG_X86
	{ "msr-read", crash_msr_read },
	{ "msr-write", crash_msr_write },
	{ "bad-selector", crash_bad_selector },
#endif
	{ "stack-overflow", crash_stack_overflow },
	{ "execute-data", crash_execute_data },
	{ "stack-smash", crash_stack_smash },
	{ }
};
