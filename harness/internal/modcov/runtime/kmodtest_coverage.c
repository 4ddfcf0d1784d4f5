// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps what modules that were compiled with -fprofile-arcs count, in memory that
 * the host of the virtual machine reads: also after the module was unloaded, and
 * after the kernel died.
 *
 * The memory, the area, begins with struct area. Arrays of modules fill it from its
 * end, the log from its beginning. A record of the log is struct record, its
 * changes, and a text up to its end. All numbers are little-endian.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/overflow.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "gcov.h"

#define AREA_MAGIC	"kmodtest-cover1"
#define MAX_MODULES	16
#define LARGEST_ORDER	10 /* 4 MiB; the area is aligned to its size */
#define SMALLEST_ORDER	6
#define COUNTERS	"__gcov0." /* begins the names of gcc's counters */

struct area_module {
	char name[56];
	u32 live;	/* it is loaded: its own counters count as well */
	u32 first;	/* offset of the first counter in the first page */
	u64 bytes;	/* from the first counter to the end of the last */
	u64 totals;	/* offset of the counts up to its last unloading */
	u64 pages;	/* offset of the physical addresses of its counters' pages */
};

struct area {
	char magic[16];
	u64 address;	/* physical, of the area */
	u64 bytes;
	u32 modules;
	u32 unfollowed;	/* modules for which there was no room */
	u64 log;	/* offset */
	u64 log_end;	/* offset */
	u64 log_lost;	/* a record had no room: no later one is in the log */
	struct area_module module[MAX_MODULES];
};

struct change {
	u32 module;	/* its index */
	u32 counter;	/* its index, in units of 8 bytes */
	u64 by;
};

struct record {
	u32 bytes;	/* of the record, a multiple of 8 */
	u32 changes;	/* their number */
	struct change change[];
};

/* follow is what the area does not say about a module. */
struct follow {
	u64 *counters;	/* of the loaded module, else NULL */
	u64 *seen;	/* counts at the last record */
};

static struct area *area;
static u64 area_top; /* the offset at which the arrays of modules begin */
static struct follow follow[MAX_MODULES];
static DEFINE_MUTEX(area_lock); /* of all of the above */

static void *at(u64 offset)
{
	return (char *)area + offset;
}

/* find_counters finds a module's counters by its symbols. */
static u64 find_counters(struct module *mod, unsigned long *start)
{
	const struct mod_kallsyms *symbols = rcu_dereference_protected(mod->kallsyms, true);
	unsigned long end = 0;
	unsigned int i;

	*start = ULONG_MAX;
	for (i = 0; i < symbols->num_symtab; i++) {
		const typeof(*symbols->symtab) *sym = &symbols->symtab[i];

		if (strncmp(symbols->strtab + sym->st_name, COUNTERS, strlen(COUNTERS)))
			continue;
		*start = min_t(unsigned long, *start, sym->st_value);
		end = max_t(unsigned long, end, sym->st_value + sym->st_size);
	}
	return end ? end - *start : 0;
}

static u64 pages_of(u64 first, u64 bytes)
{
	return DIV_ROUND_UP(first + bytes, PAGE_SIZE);
}

/* add_module makes the arrays of a module. There is no room for one that is too big. */
static struct area_module *add_module(const char *name, u64 bytes)
{
	u64 pages = pages_of(PAGE_SIZE - 1, bytes) * sizeof(u64);
	struct area_module *m = &area->module[area->modules];
	u64 *seen;

	if (area->modules == MAX_MODULES || bytes > area->bytes ||
	    bytes + pages > area_top - area->log_end)
		return NULL;
	seen = vzalloc(bytes);
	if (!seen)
		return NULL;
	follow[area->modules].seen = seen;
	strscpy(m->name, name, sizeof(m->name));
	m->bytes = bytes;
	area_top -= bytes;
	m->totals = area_top;
	area_top -= pages;
	m->pages = area_top;
	area->modules++;
	return m;
}

static struct area_module *find_module_entry(const char *name, u64 bytes)
{
	u32 i;

	for (i = 0; i < area->modules; i++) {
		struct area_module *m = &area->module[i];

		if (!strcmp(m->name, name) && m->bytes == bytes)
			return m;
	}
	return NULL;
}

static void module_comes(struct module *mod)
{
	struct area_module *m;
	unsigned long start;
	u64 bytes, i, *pages;

	bytes = find_counters(mod, &start);
	if (!bytes)
		return;
	m = find_module_entry(mod->name, bytes);
	if (!m)
		m = add_module(mod->name, bytes);
	if (!m) {
		area->unfollowed++;
		return;
	}
	m->first = offset_in_page(start);
	pages = at(m->pages);
	for (i = 0; i < pages_of(m->first, bytes); i++) {
		void *page = (void *)(start - m->first + i * PAGE_SIZE);

		pages[i] = page_to_phys(vmalloc_to_page(page));
	}
	follow[m - area->module].counters = (u64 *)start;
	smp_wmb(); /* the host may read whenever the machine ends */
	m->live = 1;
}

static void module_goes(struct module *mod)
{
	unsigned long start;
	u64 bytes = find_counters(mod, &start);
	u32 n;

	for (n = 0; n < area->modules; n++) {
		struct area_module *m = &area->module[n];
		u64 *totals = at(m->totals);
		u64 i;

		if (!m->live || follow[n].counters != (u64 *)start || m->bytes != bytes)
			continue;
		m->live = 0;
		smp_wmb(); /* the host counts nothing twice */
		for (i = 0; i < bytes / sizeof(u64); i++)
			totals[i] += READ_ONCE(follow[n].counters[i]);
		follow[n].counters = NULL;
	}
}

static int module_changes(struct notifier_block *block, unsigned long state, void *mod)
{
	mutex_lock(&area_lock);
	if (state == MODULE_STATE_COMING)
		module_comes(mod);
	else if (state == MODULE_STATE_GOING)
		module_goes(mod);
	mutex_unlock(&area_lock);
	return NOTIFY_OK;
}

/*
 * The counters are complete only after all other notifiers, one of which may call
 * code of the module.
 */
static struct notifier_block module_notifier = {
	.notifier_call = module_changes,
	.priority = INT_MIN,
};

/* add_changes adds the changes of one module since the last record. */
static bool add_changes(struct record *r, u32 n, const char *end)
{
	const u64 *totals = at(area->module[n].totals);
	u64 i;

	for (i = 0; i < area->module[n].bytes / sizeof(u64); i++) {
		u64 now = totals[i];

		if (follow[n].counters)
			now += READ_ONCE(follow[n].counters[i]);
		if (now == follow[n].seen[i])
			continue;
		if ((char *)&r->change[r->changes + 1] > end)
			return false;
		r->change[r->changes++] = (struct change){ n, i, now - follow[n].seen[i] };
		follow[n].seen[i] = now;
	}
	return true;
}

/* log_text adds a record with a text, and with what has changed since the last one. */
static void log_text(const char *text)
{
	struct record *r = at(area->log_end);
	char *end = at(area_top);
	size_t length = strlen(text);
	u32 n;

	if (area->log_lost || (char *)(r + 1) > end)
		goto lost;
	r->changes = 0;
	for (n = 0; n < area->modules; n++)
		if (!add_changes(r, n, end))
			goto lost;
	r->bytes = ALIGN(struct_size(r, change, r->changes) + length, sizeof(u64));
	if ((char *)r + r->bytes > end)
		goto lost;
	memset(&r->change[r->changes], 0, (char *)r + r->bytes - (char *)&r->change[r->changes]);
	memcpy(&r->change[r->changes], text, length);
	smp_wmb(); /* the host may read whenever the machine ends */
	area->log_end += r->bytes;
	return;
lost:
	area->log_lost = 1;
}

static int set_mark(const char *text, const struct kernel_param *kp)
{
	mutex_lock(&area_lock);
	log_text(text);
	mutex_unlock(&area_lock);
	return 0;
}

static const struct kernel_param_ops mark_ops = { .set = set_mark };
module_param_cb(mark, &mark_ops, NULL, 0200);
MODULE_PARM_DESC(mark, "adds a text to the log, with all changes of counters before it");

#ifndef CONFIG_GCOV_KERNEL /* else the kernel exports these */
void __gcov_init(void *info)
{
}
EXPORT_SYMBOL(__gcov_init);

void __gcov_exit(void)
{
}
EXPORT_SYMBOL(__gcov_exit);

void __gcov_merge_add(void *counters, unsigned int n)
{
}
EXPORT_SYMBOL(__gcov_merge_add);
#endif

static int __init coverage_init(void)
{
	unsigned int order;
	int err;

	BUILD_BUG_ON(sizeof(struct area) != 64 + MAX_MODULES * 88);
	for (order = LARGEST_ORDER; !area && order >= SMALLEST_ORDER; order--) {
		area = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN, order);
		if (area)
			area->bytes = PAGE_SIZE << order;
	}
	if (!area)
		return -ENOMEM;
	area->address = virt_to_phys(area);
	area->log = ALIGN(sizeof(*area), sizeof(u64));
	area->log_end = area->log;
	area_top = area->bytes;
	err = register_module_notifier(&module_notifier);
	if (err) {
		free_pages((unsigned long)area, get_order(area->bytes));
		return err;
	}
	strscpy(area->magic, AREA_MAGIC, sizeof(area->magic)); /* from now on it is an area */
	return 0;
}
module_init(coverage_init);
/* There is no exit: what was counted is never lost. */

MODULE_DESCRIPTION("Keeps the coverage of modules under test for kmodtest");
MODULE_LICENSE("GPL");
