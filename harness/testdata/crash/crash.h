/* SPDX-License-Identifier: GPL-2.0-only */
/* What breaks the kernel, each in one way. */
#ifndef CRASH_H
#define CRASH_H

#include <linux/types.h>

struct crash_way {
	const char *name;
	void (*run)(void);
};

/* Each ends with an entry that has no name. */
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

/* For ways that hang: whether as long as was asked for has passed since start. */
u64 crash_start(void);
bool crash_over(u64 start);
/* And the same for what waits, in jiffies. */
unsigned long crash_timeout(void);

/* Out of the compiler's sight, which would warn. */
int crash_touch(volatile int *at);
void crash_fill(char *at, int byte, size_t size);

#endif
