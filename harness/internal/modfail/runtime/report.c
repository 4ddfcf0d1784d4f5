// SPDX-License-Identifier: GPL-2.0-only
/* The report: lines of text, of which each read returns the next ones. */
#include <linux/kernel.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "fail.h"

#define REPORT_SIZE	(256 << 10)
#define LONGEST_LINE	300

static char *report;
static size_t report_end, report_next;
static DEFINE_RAW_SPINLOCK(report_lock);

int report_init(void)
{
	report = vmalloc(REPORT_SIZE);
	return report ? 0 : -ENOMEM;
}

void report_exit(void)
{
	vfree(report);
}

void report_clear(void)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&report_lock, flags);
	report_end = 0;
	report_next = 0;
	raw_spin_unlock_irqrestore(&report_lock, flags);
}

/* report_line adds a line. The last line of a report that is full is "full". */
void report_line(const char *format, ...)
{
	static const char full[] = "full\n";
	size_t room;
	unsigned long flags;
	va_list args;

	raw_spin_lock_irqsave(&report_lock, flags);
	room = REPORT_SIZE - report_end;
	if (room > LONGEST_LINE + sizeof(full)) {
		va_start(args, format);
		report_end += vscnprintf(report + report_end, LONGEST_LINE - 1, format, args);
		va_end(args);
		report[report_end++] = '\n';
	} else if (room > sizeof(full)) {
		memcpy(report + report_end, full, strlen(full));
		report_end += strlen(full);
		memset(report + report_end, 0, REPORT_SIZE - report_end);
		report_end = REPORT_SIZE;
	}
	raw_spin_unlock_irqrestore(&report_lock, flags);
}

/* report_read returns the next whole lines that fit, without a NUL. */
int report_read(char *to, size_t size)
{
	unsigned long flags;
	size_t n;

	raw_spin_lock_irqsave(&report_lock, flags);
	n = min(size, report_end - report_next);
	while (n && report[report_next + n - 1] != '\n')
		n--;
	memcpy(to, report + report_next, n);
	report_next += n;
	raw_spin_unlock_irqrestore(&report_lock, flags);
	return n;
}
