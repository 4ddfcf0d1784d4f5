/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef KMODTEST_FAIL_H
#define KMODTEST_FAIL_H

#include <linux/types.h>

/* What the caller gets if the call fails. Package modfail has the same numbers. */
enum failure {
	FAIL_NEVER,
	FAIL_TRY,	/* never; 0 means that nothing was done */
	FAIL_ZERO,	/* never; 0 means that it was done */
	FAIL_NULL,
	FAIL_INT,	/* a negative error */
	FAIL_POINTER,	/* an error as a pointer */
	FAIL_BYTES,	/* the argument with the number of bytes */
};

enum holding { HOLDS = 1, RELEASES, EXCHANGES };

#define KEY_RESULT	6
#define KEY_NONE	7

struct module_calls;

/* struct site is a function that a module calls. */
struct site {
	const char *name;
	void *go;		/* jumps to the function */
	const char *class;	/* of what it holds or releases, or NULL */
	const struct module_calls *module;
	u32 class_number;	/* the same in all modules */
	u32 failure;
	u32 error;		/* positive; of FAIL_BYTES the number of the argument */
	u32 holding;
	u32 key;		/* the number of an argument, or KEY_ */
	u32 keep;		/* released memory is kept */
};

/* struct place is a call in the source. */
struct place {
	u64 address;		/* after the call */
	const char *text;	/* FILE:LINE */
};

/* struct module_calls is the symbol kmodtest_fail_calls of a module. */
struct module_calls {
	void *hook;		/* every call of a site goes there, unless it is NULL */
	const struct site *site;
	u64 sites;		/* their number */
	u64 places;		/* their number */
	struct place place[];
};

/* struct call is a call of a site. entry.S has the same layout. */
struct call {
	unsigned long argument[6];
	unsigned long result;
	const struct site *site;
	unsigned long address;	/* after the call */
};

enum action { ACTION_GO, ACTION_RETURN, ACTION_FOLLOW };

void kmodtest_fail_entry(void);
int kmodtest_fail_before(struct call *call);
void kmodtest_fail_after(struct call *call);

/* What the modules hold. */
int held_init(void);
void held_exit(void);
void held_begin(void);
void held_after(const struct call *call);
bool held_before(const struct call *call);
void held_check(void);
void held_end(void);
void held_leave(const struct module_calls *module);

/* The report that user space reads. */
int report_init(void);
void report_exit(void);
void report_clear(void);
__printf(1, 2) void report_line(const char *format, ...);
int report_read(char *to, size_t size);

#define PLACE_SIZE 64

void place_of(const struct site *site, unsigned long address, char *text);

#endif
