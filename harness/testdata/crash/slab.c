// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects of a cache with consistency checks, on every kernel whose allocator
 * has them. A cache that was broken is left behind.
 */
#include <linux/kernel.h>
#include <linux/slab.h>

#include "crash.h"

static struct kmem_cache *crash_cache(void)
{
	return kmem_cache_create("crash_checked", 64, 0,
				 SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON, NULL);
}

static noinline void crash_slab_redzone(void)
{
	struct kmem_cache *cache = crash_cache();
	char *object = cache ? kmem_cache_alloc(cache, GFP_KERNEL) : NULL;

	if (!object)
		return;
	crash_fill(object, 0x55, 72); /* slab-redzone */
	kmem_cache_free(cache, object); /* slab-redzone */
}

static noinline void crash_slab_poison(void)
{
	struct kmem_cache *cache = crash_cache();
	char *object = cache ? kmem_cache_alloc(cache, GFP_KERNEL) : NULL;
	char *volatile stale = object;

	if (!object)
		return;
	kmem_cache_free(cache, object);
	crash_fill(stale + 16, 0x55, 8); /* slab-poison */
	kmem_cache_destroy(cache); /* slab-poison */
}

static noinline void crash_slab_twice(void)
{
	struct kmem_cache *cache = crash_cache();
	char *object = cache ? kmem_cache_alloc(cache, GFP_KERNEL) : NULL;
	char *volatile again = object;

	if (!object)
		return;
	kmem_cache_free(cache, object);
	kmem_cache_free(cache, again); /* slab-twice */
}

static noinline void crash_slab_foreign(void)
{
	struct kmem_cache *cache = crash_cache();
	char *object = kmalloc(128, GFP_KERNEL);

	if (!object || !cache)
		return;
	kmem_cache_free(cache, object); /* slab-foreign */
}

const struct crash_way crash_slab[] = {
	{ "slab-redzone", crash_slab_redzone },
	{ "slab-poison", crash_slab_poison },
	{ "slab-twice", crash_slab_twice },
	{ "slab-foreign", crash_slab_foreign },
	{ }
};
