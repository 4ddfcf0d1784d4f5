// SPDX-License-Identifier: GPL-2.0-only
/* Objects used as they may not be. */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "crash.h"

static volatile int sink;

static noinline void crash_use_after_free(void)
{
	volatile int *object = kmalloc(64, GFP_KERNEL);

	if (!object)
		return;
	kfree((void *)object);
	sink = object[2];
}

/* Out of the compiler's sight, which would warn. */
static noinline void crash_fill(char *at, int byte, size_t size)
{
	memset(at, byte, size);
}

static noinline void crash_poison(void)
{
	char *object = kmalloc(64, GFP_KERNEL);
	char *volatile stale = object;

	if (!object)
		return;
	kfree(object);
	crash_fill(stale + 16, 0x55, 8);
	kfree(kmalloc(64, GFP_KERNEL));
}

static noinline void crash_out_of_bounds(void)
{
	char *object = kmalloc(64, GFP_KERNEL);

	if (!object)
		return;
	crash_fill(object, 0x55, 72);
	kfree(object);
}

static noinline void crash_out_of_bounds_read(void)
{
	volatile char *object = kmalloc(59, GFP_KERNEL);
	volatile size_t at = 60;

	if (!object)
		return;
	sink = object[at];
	kfree((void *)object);
}

static noinline void crash_double_free(void)
{
	char *object = kmalloc(64, GFP_KERNEL);
	char *volatile again = object;

	kfree(object);
	kfree(again);
}

static noinline void crash_invalid_free(void)
{
	char *object = kmalloc(64, GFP_KERNEL);
	char *volatile inside = object + 8;

	kfree(inside);
}

static noinline void crash_stack_bounds(void)
{
	volatile char buffer[16] = "";
	volatile size_t at = 17;

	sink = buffer[at];
}

static volatile char global[11];

static noinline void crash_global_bounds(void)
{
	volatile size_t at = 13;

	sink = global[at];
}

static noinline void crash_cache_remains(void)
{
	struct kmem_cache *cache = kmem_cache_create("crash_cache", 96, 0, 0, NULL);

	if (!cache)
		return;
	if (kmem_cache_alloc(cache, GFP_KERNEL))
		kmem_cache_destroy(cache);
}

static noinline void crash_leak(void)
{
	char *object = kmalloc(96, GFP_KERNEL);

	if (object)
		strscpy(object, "this object is lost", 96);
}

static noinline void crash_uninitialized(void)
{
	volatile int *object = kmalloc(64, GFP_KERNEL);

	if (!object)
		return;
	if (object[3])
		pr_info("crash: there was something\n");
	kfree((void *)object);
}

const struct crash_way crash_memory[] = {
	{ "use-after-free", crash_use_after_free },
	{ "poison", crash_poison },
	{ "out-of-bounds", crash_out_of_bounds },
	{ "out-of-bounds-read", crash_out_of_bounds_read },
	{ "double-free", crash_double_free },
	{ "invalid-free", crash_invalid_free },
	{ "stack-bounds", crash_stack_bounds },
	{ "global-bounds", crash_global_bounds },
	{ "cache-remains", crash_cache_remains },
	{ "leak", crash_leak },
	{ "uninitialized", crash_uninitialized },
	{ }
};
