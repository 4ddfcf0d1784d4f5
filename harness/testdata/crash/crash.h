/* SPDX-License-Identifier: GPL-2.0-only */
/* The ways to break the kernel. */
#ifndef CRASH_H
#define CRASH_H

#include <linux/types.h>

struct crash_way {
	const char *name;
	void (*run)(void);
};

/* Each table ends with an entry that has no name. */
extern const struct crash_way crash_access[];
extern const struct crash_way crash_checks[];
extern const struct crash_way crash_hangs[];
extern const struct crash_way crash_lockdep[];
extern const struct crash_way crash_locks[];
extern const struct crash_way crash_memory[];
extern const struct crash_way crash_pages[];
extern const struct crash_way crash_places[];
extern const struct crash_way crash_races[];
extern const struct crash_way crash_slab[];

/* For ways that hang: reports whether the requested time since start is over. */
u64 crash_start(void);
bool crash_over(u64 start);
/* For ways that wait: the requested time in jiffies. */
unsigned long crash_timeout(void);

/* In another file, where the compiler cannot see the mistake and warn. */
int crash_touch(volatile int *at);
void crash_store(volatile int *at);
void crash_fill(char *at, int byte, size_t size);

#endif
