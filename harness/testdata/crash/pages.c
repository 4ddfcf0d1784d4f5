// SPDX-License-Identifier: GPL-2.0-only
/* Pages that are freed wrongly, or never. */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include "crash.h"

/* Pages of this order or higher are checked when they are freed, not later. */
#define LOOKED_AT	4

static noinline void crash_bad_page(void)
{
	struct page *page = alloc_pages(GFP_KERNEL, LOOKED_AT);

	if (!page)
		return;
	page->mapping = (void *)0x1000;
	__free_pages(page, LOOKED_AT); /* bad-page */
}

static noinline void crash_page_twice(void)
{
	struct page *page = alloc_page(GFP_KERNEL);
	struct page *volatile again = page;

	if (!page)
		return;
	__free_page(page);
	__free_page(again); /* page-twice */
}

static noinline void crash_memory_gone(void)
{
	while (alloc_page(GFP_KERNEL | __GFP_NOWARN)) /* memory-gone */
		;
}

static struct page *push_page(struct page *page, struct page *others)
{
	set_page_private(page, (unsigned long)others);
	return page;
}

static struct page *pop_page(struct page **pages)
{
	struct page *page = *pages;

	if (page) {
		*pages = (struct page *)page_private(page);
		set_page_private(page, 0);
	}
	return page;
}

/* No large page is free, but small ones are, so that no process is killed. */
static noinline void crash_large_page(void)
{
	const unsigned int order = 8;
	struct page *page, *large = NULL, *small = NULL;
	int i, n;

	while ((page = alloc_pages(GFP_ATOMIC | __GFP_NOWARN, order)))
		large = push_page(page, large);
	for (n = 0; n < 32 && (page = pop_page(&large)); n++) {
		split_page(page, order);
		for (i = 1; i < 1 << order; i++)
			__free_page(page + i);
		small = push_page(page, small);
	}
	while ((page = alloc_pages(GFP_ATOMIC, order))) /* large-page */
		large = push_page(page, large);
	while ((page = pop_page(&large)))
		__free_pages(page, order);
	while ((page = pop_page(&small)))
		__free_page(page);
}

static noinline void crash_vmalloc_bounds(void)
{
	volatile char *area = vmalloc(PAGE_SIZE);

	if (area)
		area[PAGE_SIZE + 8] = 1; /* vmalloc-bounds */
}

const struct crash_way crash_pages[] = {
	{ "bad-page", crash_bad_page },
	{ "page-twice", crash_page_twice },
	{ "memory-gone", crash_memory_gone },
	{ "large-page", crash_large_page },
	{ "vmalloc-bounds", crash_vmalloc_bounds },
	{ }
};
