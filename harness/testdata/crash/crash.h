/* SPDX-License-Identifier: GPL-2.0-only */
/* What breaks the kernel, each in one way. */
#ifndef CRASH_H
#define CRASH_H

struct crash_way {
	const char *name;
	void (*run)(void);
};

/* Each ends with an entry that has no name. */
extern const struct crash_way crash_access[];
extern const struct crash_way crash_checks[];
extern const struct crash_way crash_hangs[];
extern const struct crash_way crash_locks[];
extern const struct crash_way crash_memory[];
extern const struct crash_way crash_pages[];
extern const struct crash_way crash_races[];

#endif
