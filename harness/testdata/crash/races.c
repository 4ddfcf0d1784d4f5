// SPDX-License-Identifier: GPL-2.0-only
/* Threads that access the same variable at once. */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched.h>

#include "crash.h"

static int counter;

static noinline int crash_count(void *unused)
{
	while (!kthread_should_stop()) {
		counter++; /* race */
		cond_resched();
	}
	return 0;
}

static noinline void crash_read_counter(void)
{
	unsigned long end = jiffies + 10 * HZ;
	int last = 0;

	while (time_before(jiffies, end)) {
		if (counter == last)
			cond_resched();
		last = counter;
	}
}

static noinline void crash_race(void)
{
	struct task_struct *other = kthread_run(crash_count, NULL, "crash_count");

	if (IS_ERR(other))
		return;
	crash_read_counter();
	kthread_stop(other);
}

const struct crash_way crash_races[] = {
	{ "race", crash_race },
	{ }
};
