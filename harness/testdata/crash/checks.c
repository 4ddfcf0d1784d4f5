// SPDX-License-Identifier: GPL-2.0-only
/* Mistakes that the kernel's own checks report. */
#include <linux/bug.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "crash.h"

static noinline void crash_panic(void)
{
	panic("crash: as was asked for"); /* panic */
}

static noinline void crash_bug(void)
{
	BUG(); /* bug */
}

static noinline void crash_warn(void)
{
	WARN_ON(1); /* warn */
}

static noinline void crash_warn_message(void)
{
	WARN(1, "crash: a warning with %d words\n", 5); /* warn-message */
}

static volatile unsigned int forty = 40;
static volatile int values[4];

static noinline void crash_shift(void)
{
	values[0] = 1 << forty; /* shift */
}

static noinline void crash_index(void)
{
	values[forty / 8] = 1; /* index */
}

static noinline void crash_bool(void)
{
	volatile unsigned char byte = 7;

	values[2] = *(volatile bool *)&byte ? 1 : 2; /* bool */
}

static noinline void crash_list_add(void)
{
	LIST_HEAD(head);
	struct list_head first, second;

	list_add(&first, &head);
	first.prev = &second;
	INIT_LIST_HEAD(&second);
	list_add(&second, &head); /* list-add */
}

static noinline void crash_list_del(void)
{
	LIST_HEAD(head);
	struct list_head entry;

	list_add(&entry, &head);
	list_del(&entry);
	list_del(&entry); /* list-del */
}

static noinline void crash_refcount_free(void)
{
	refcount_t count = REFCOUNT_INIT(0);

	refcount_inc(&count); /* refcount-free */
}

static noinline void crash_refcount_underflow(void)
{
	refcount_t count = REFCOUNT_INIT(0);

	if (refcount_dec_and_test(&count)) /* refcount-underflow */
		pr_info("crash: nothing was left\n");
}

static noinline void crash_refcount_saturated(void)
{
	refcount_t count = REFCOUNT_INIT(REFCOUNT_MAX);

	refcount_inc(&count); /* refcount-saturated */
}

/*
 * The pointer is volatile, so the compiler does not know the object's size. On
 * arm64, the smallest object has 128 bytes.
 */
static noinline void crash_usercopy(void)
{
	volatile size_t size = 512;
	char *volatile object = kmalloc(256, GFP_KERNEL);

	if (object && copy_to_user((void __user *)0x10000000, object, size)) /* usercopy */
		pr_info("crash: copied nothing\n");
	kfree(object);
}

/* Unlike copy_from_user(), this does not clear the bytes it could not copy. */
static noinline void crash_usercopy_from(void)
{
	volatile size_t size = 512;
	char *volatile object = kmalloc(256, GFP_KERNEL);

	if (!object)
		return;
	pagefault_disable();
	if (__copy_from_user_inatomic(object, (void __user *)0x10000000, size)) /* usercopy-from */
		pr_info("crash: copied nothing\n");
	pagefault_enable();
	kfree(object);
}

static noinline void crash_usercopy_size(void)
{
	volatile size_t size = 32;
	char buffer[16] = "";

	if (copy_from_user(buffer, (void __user *)0x10000000, size)) /* usercopy-size */
		pr_info("crash: copied nothing: %s\n", buffer);
}

static noinline void crash_fortify(void)
{
	volatile size_t size = 32;
	char buffer[16] = "";

	if (memchr(buffer, 'x', size)) /* fortify */
		pr_info("crash: found one\n");
}

/* Sets the taint flag of a machine check, and logs nothing. */
static noinline void crash_taint(void)
{
	add_taint(TAINT_MACHINE_CHECK, LOCKDEP_STILL_OK);
}

const struct crash_way crash_checks[] = {
	{ "panic", crash_panic },
	{ "bug", crash_bug },
	{ "warn", crash_warn },
	{ "warn-message", crash_warn_message },
	{ "shift", crash_shift },
	{ "index", crash_index },
	{ "bool", crash_bool },
	{ "list-add", crash_list_add },
	{ "list-del", crash_list_del },
	{ "refcount-free", crash_refcount_free },
	{ "refcount-underflow", crash_refcount_underflow },
	{ "refcount-saturated", crash_refcount_saturated },
	{ "usercopy", crash_usercopy },
	{ "usercopy-from", crash_usercopy_from },
	{ "usercopy-size", crash_usercopy_size },
	{ "fortify", crash_fortify },
	{ "taint", crash_taint },
	{ }
};
