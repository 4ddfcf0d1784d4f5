// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the modules hold: memory, registrations, locks. Memory that they release is kept,
 * filled with a pattern, until the next check: a second release and a write are seen.
 */
#include <linux/err.h>
#include <linux/hashtable.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poison.h>
#include <linux/rcupdate.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "fail.h"

#define MAX_HELD	8192
#define MAX_KEPT	4096
#define TABLE_BITS	10

struct held {
	struct hlist_node node;		/* in the table, or in the list of unused ones */
	unsigned long key;
	u32 class;
	u32 thread;
	u32 order;			/* the largest number is the latest */
	bool may_keep;
	bool kept;			/* it was released */
	void (*undo)(unsigned long key);	/* releases it if the module is unloaded; or NULL */
	const struct module_calls *module;
	const char *class_name, *name;	/* of the module */
	char place[PLACE_SIZE];
	char released[PLACE_SIZE];
};

static struct held *pool;
static HLIST_HEAD(unused);
static DEFINE_HASHTABLE(table, TABLE_BITS);
static DEFINE_RAW_SPINLOCK(held_lock);	/* of all of the above */
static u32 last_order, kept, lost;

int held_init(void)
{
	int i;

	pool = vzalloc(sizeof(*pool) * MAX_HELD);
	if (!pool)
		return -ENOMEM;
	for (i = 0; i < MAX_HELD; i++)
		hlist_add_head(&pool[i].node, &unused);
	return 0;
}

void held_exit(void)
{
	vfree(pool);
}

static void forget(struct held *h)
{
	hash_del(&h->node);
	hlist_add_head(&h->node, &unused);
}

static struct held *find(u32 class, unsigned long key)
{
	struct held *h;

	hash_for_each_possible(table, h, node, key)
		if (h->class == class && h->key == key)
			return h;
	return NULL;
}

/* find_latest returns the latest of a module or, for NULL, of a class. */
static struct held *find_latest(const struct module_calls *module, u32 class)
{
	struct held *h, *latest = NULL;
	int i;

	hash_for_each(table, i, h, node)
		if ((module ? h->module == module : h->class == class) &&
		    (!latest || h->order > latest->order))
			latest = h;
	return latest;
}

static bool has_worked(const struct call *call)
{
	switch (call->site->failure) {
	case FAIL_TRY:
		return (int)call->result != 0;
	case FAIL_ZERO:
		return (int)call->result == 0;
	case FAIL_NULL:
		return !ZERO_OR_NULL_PTR((void *)call->result);
	case FAIL_INT:
		return (int)call->result >= 0;
	case FAIL_POINTER:
		return !IS_ERR_OR_NULL((void *)call->result);
	default:
		return true;
	}
}

/*
 * undo_of returns the function that undoes a registration, if the module refers to it.
 * Without it, the kernel would go on using a module that has gone.
 */
static void *undo_of(const struct site *site)
{
	const struct module_calls *m = site->module;
	u64 i;

	if (site->failure != FAIL_INT || site->key != 0)
		return NULL;
	for (i = 0; i < m->sites; i++) {
		const struct site *other = &m->site[i];

		if (other->class_number == site->class_number &&
		    other->holding == RELEASES && other->key == 0)
			return other->go;
	}
	return NULL;
}

static void hold(const struct call *call)
{
	const struct site *site = call->site;
	unsigned long key = call->result, flags;
	struct held *h;

	if (site->key < KEY_RESULT)
		key = call->argument[site->key];
	raw_spin_lock_irqsave(&held_lock, flags);
	h = site->key == KEY_NONE ? NULL : find(site->class_number, key);
	if (h)	/* the kernel has released it */
		forget(h);
	if (hlist_empty(&unused)) {
		lost++;
		goto unlock;
	}
	h = hlist_entry(unused.first, struct held, node);
	hlist_del(&h->node);
	if (site->key == KEY_NONE)
		key = (unsigned long)h;
	h->key = key;
	h->class = site->class_number;
	h->thread = current->pid;
	h->order = ++last_order;
	h->kept = false;
	h->may_keep = site->keep && !is_vmalloc_addr((void *)key);
	h->undo = undo_of(site);
	h->module = site->module;
	h->class_name = site->class;
	h->name = site->name;
	place_of(site, call->address, h->place);
	hash_add(table, &h->node, key);
unlock:
	raw_spin_unlock_irqrestore(&held_lock, flags);
}

static void release(u32 class, unsigned long key, bool any)
{
	struct held *h;
	unsigned long flags;

	raw_spin_lock_irqsave(&held_lock, flags);
	h = any ? find_latest(NULL, class) : find(class, key);
	if (h)
		forget(h);
	raw_spin_unlock_irqrestore(&held_lock, flags);
}

/* held_after notes what a call has obtained. */
void held_after(const struct call *call)
{
	if (!has_worked(call))
		return;
	if (call->site->holding == EXCHANGES)
		release(call->site->class_number, call->argument[0], false);
	hold(call);
}

/* keep notes the release of memory. It returns false if the memory is really released. */
static bool keep(const struct call *call, unsigned long key)
{
	const struct site *site = call->site;
	char place[PLACE_SIZE];
	struct held *h;
	unsigned long flags;
	bool keeps = false;

	place_of(site, call->address, place);
	raw_spin_lock_irqsave(&held_lock, flags);
	h = find(site->class_number, key);
	if (h && h->kept) {
		report_line("bad memory of %s at %s was released twice: at %s, then at %s",
			    h->name, h->place, h->released, place);
		keeps = true;
	} else if (h && h->may_keep && site->keep && kept < MAX_KEPT) {
		memset((void *)key, POISON_FREE, ksize((void *)key));
		h->kept = true;
		strscpy(h->released, place, sizeof(h->released));
		kept++;
		keeps = true;
	} else if (h) {
		forget(h);
	}
	raw_spin_unlock_irqrestore(&held_lock, flags);
	return keeps;
}

/*
 * held_before notes what a call releases. It returns true if the call must not be made.
 * KASAN sees more if the memory is really released.
 */
bool held_before(const struct call *call)
{
	const struct site *site = call->site;
	unsigned long key = site->key < KEY_RESULT ? call->argument[site->key] : 0;

	if (key < PAGE_SIZE && strstr(site->name, "free_call_rcu"))
		key = call->argument[0] - key;	/* up to 6.1, it is an offset */
	if (site->key != KEY_NONE && ZERO_OR_NULL_PTR((void *)key))
		return false;
	if (site->keep && !IS_ENABLED(CONFIG_KASAN))
		return keep(call, key);
	release(site->class_number, key, site->key == KEY_NONE);
	return false;
}

void held_begin(void)
{
	struct hlist_node *next;
	struct held *h;
	unsigned long flags;
	int i;

	raw_spin_lock_irqsave(&held_lock, flags);
	hash_for_each_safe(table, i, next, h, node)
		forget(h);
	lost = 0;
	raw_spin_unlock_irqrestore(&held_lock, flags);
}

static struct held *take_kept(const struct module_calls *module)
{
	struct held *h;
	unsigned long flags;
	int i;

	raw_spin_lock_irqsave(&held_lock, flags);
	hash_for_each(table, i, h, node) {
		if (!h->kept || (module && h->module != module))
			continue;
		hash_del(&h->node);
		kept--;
		raw_spin_unlock_irqrestore(&held_lock, flags);
		return h;
	}
	raw_spin_unlock_irqrestore(&held_lock, flags);
	return NULL;
}

static void check_kept(const struct held *h)
{
	const char *start = (char *)h->key;
	const char *changed = memchr_inv(start, POISON_FREE, ksize(start));

	if (changed)
		report_line("bad memory of %s at %s was written after its release at %s: byte %zd",
			    h->name, h->place, h->released, changed - start);
}

/* release_kept releases the memory that is kept, of one module or, for NULL, of all. */
static void release_kept(const struct module_calls *module)
{
	struct held *h;
	unsigned long flags;

	while ((h = take_kept(module))) {
		check_kept(h);
		kfree((void *)h->key);
		raw_spin_lock_irqsave(&held_lock, flags);
		hlist_add_head(&h->node, &unused);
		raw_spin_unlock_irqrestore(&held_lock, flags);
	}
}

static bool is_lock(const struct held *h)
{
	return !strcmp(h->class_name, "mutex") || !strcmp(h->class_name, "read-write semaphore") ||
	       !strcmp(h->class_name, "RTNL");
}

static struct held *take_lock(void)
{
	struct held *h;
	unsigned long flags;
	int i;

	raw_spin_lock_irqsave(&held_lock, flags);
	hash_for_each(table, i, h, node) {
		if (!is_lock(h) || h->thread != current->pid)
			continue;
		hash_del(&h->node);
		raw_spin_unlock_irqrestore(&held_lock, flags);
		return h;
	}
	raw_spin_unlock_irqrestore(&held_lock, flags);
	return NULL;
}

static void unlock(const struct held *h)
{
	if (!strcmp(h->class_name, "mutex"))
		mutex_unlock((struct mutex *)h->key);
	else if (!strncmp(h->name, "down_read", 9))
		up_read((struct rw_semaphore *)h->key);
	else if (!strncmp(h->name, "down_write", 10))
		up_write((struct rw_semaphore *)h->key);
}

/*
 * unlock_all reports the locks of this thread, and unlocks them, so that later calls do
 * not wait for ever. Only the RTNL stays.
 */
static void unlock_all(void)
{
	struct held *h;
	unsigned long flags;

	while ((h = take_lock())) {
		report_line("bad the %s of %s at %s is still locked", h->class_name,
			    h->name, h->place);
		unlock(h);
		raw_spin_lock_irqsave(&held_lock, flags);
		hlist_add_head(&h->node, &unused);
		raw_spin_unlock_irqrestore(&held_lock, flags);
	}
}

static void report_held(const char *verb, const struct held *h)
{
	report_line("%s %s of %s at %s", verb, h->class_name, h->name, h->place);
}

/* held_check reports what is wrong, and what is held. */
void held_check(void)
{
	struct held *h;
	unsigned long flags;
	int i;

	report_line("check");
	rcu_barrier();
	unlock_all();
	release_kept(NULL);
	raw_spin_lock_irqsave(&held_lock, flags);
	hash_for_each(table, i, h, node)
		report_held("held", h);
	raw_spin_unlock_irqrestore(&held_lock, flags);
	if (lost)
		report_line("full");
}

void held_end(void)
{
	release_kept(NULL);
}

/* held_leave reports what a module holds that is unloaded, and undoes registrations. */
void held_leave(const struct module_calls *module)
{
	struct held *h;
	void (*undo)(unsigned long key);
	unsigned long key, flags;

	release_kept(module);
	do {
		raw_spin_lock_irqsave(&held_lock, flags);
		h = find_latest(module, 0);
		undo = NULL;
		if (h) {
			report_held("left", h);
			undo = h->undo;
			key = h->key;
			forget(h);
		}
		raw_spin_unlock_irqrestore(&held_lock, flags);
		if (undo)
			undo(key);
	} while (h);
}
