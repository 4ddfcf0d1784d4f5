// SPDX-License-Identifier: GPL-2.0-only
/* Invalid accesses to objects, double frees and leaks. */
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timer.h>

#include "crash.h"

static volatile int sink;

static noinline void crash_use_after_free(void)
{
	volatile int *object = kmalloc(64, GFP_KERNEL);

	if (!object)
		return;
	kfree((void *)object);
	sink = object[2]; /* use-after-free */
}

noinline void crash_fill(char *at, int byte, size_t size)
{
	volatile char *to = at;

	while (size--)
		*to++ = byte;
}

static noinline void crash_poison(void)
{
	char *object = kmalloc(64, GFP_KERNEL);
	char *volatile stale = object;

	if (!object)
		return;
	kfree(object);
	crash_fill(stale + 16, 0x55, 8); /* poison */
	kfree(kmalloc(64, GFP_KERNEL));
}

/* The memory of the object ends later: kernels without checks are not damaged. */
static noinline void crash_out_of_bounds(void)
{
	char *object = kmalloc(40, GFP_KERNEL);

	if (!object)
		return;
	crash_fill(object, 0x55, 64); /* out-of-bounds */
	kfree(object);
}

static noinline void crash_out_of_bounds_read(void)
{
	volatile char *object = kmalloc(59, GFP_KERNEL);
	volatile size_t at = 60;

	if (!object)
		return;
	sink = object[at]; /* out-of-bounds-read */
	kfree((void *)object);
}

static noinline void crash_double_free(void)
{
	char *object = kmalloc(64, GFP_KERNEL);
	char *volatile again = object;

	kfree(object);
	kfree(again); /* double-free */
}

static noinline void crash_invalid_free(void)
{
	char *object = kmalloc(64, GFP_KERNEL);
	char *volatile inside = object + 8;

	kfree(inside); /* invalid-free */
	/* The next owner of that address would overrun it: keep it. */
	inside = kmalloc(64, GFP_KERNEL);
}

static noinline void crash_stack_bounds(void)
{
	volatile char buffer[16] = "";
	volatile char *volatile at = buffer + 17;

	sink = *at; /* stack-bounds */
}

static volatile char global[11];

static noinline void crash_global_bounds(void)
{
	volatile char *volatile at = global + 13;

	sink = *at; /* global-bounds */
}

static void crash_new(void *object)
{
}

/* A cache with a constructor is not merged, so it has its own slabs. */
static noinline void crash_cache_remains(void)
{
	struct kmem_cache *cache = kmem_cache_create("crash_cache", 96, 0, 0, crash_new);

	if (!cache)
		return;
	if (kmem_cache_alloc(cache, GFP_KERNEL))
		kmem_cache_destroy(cache); /* cache-remains */
}

/* Several objects: a stale pointer to one hides it from kmemleak. */
static noinline void crash_leak(void)
{
	char *object;
	int i;

	for (i = 0; i < 16; i++) {
		object = kmalloc(96, GFP_KERNEL); /* leak */
		if (object)
			strscpy(object, "this object is lost", 96);
	}
}

static noinline void crash_uninitialized(void)
{
	volatile int *object = kmalloc(64, GFP_KERNEL);

	if (!object)
		return;
	if (object[3]) /* uninitialized */
		pr_info("crash: there was something\n");
	kfree((void *)object);
}

/* Repeats the mistake, for KFENCE, which checks only few objects. */
static noinline void crash_often(void)
{
	u64 start = crash_start();

	while (!crash_over(start)) {
		volatile int *object = kmalloc(64, GFP_KERNEL);

		if (!object)
			return;
		kfree((void *)object);
		sink = object[2]; /* often */
		cond_resched();
	}
}

struct crash_timed {
	struct timer_list timer;
	char rest[200];
};

static void crash_expired(struct timer_list *timer)
{
}

/* In slabs of its own, the timer stays as it was until it fires. */
static noinline void crash_timer_freed(void)
{
	struct kmem_cache *cache = kmem_cache_create("crash_timed", sizeof(struct crash_timed), 0, 0, crash_new);
	struct crash_timed *timed = cache ? kmem_cache_alloc(cache, GFP_KERNEL) : NULL;

	if (!timed)
		return;
	timer_setup(&timed->timer, crash_expired, 0);
	mod_timer(&timed->timer, jiffies + HZ / 20);
	kmem_cache_free(cache, timed); /* timer-freed */
	msleep(200);
	kmem_cache_destroy(cache);
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
	{ "often", crash_often },
	{ "timer-freed", crash_timer_freed },
	{ }
};
