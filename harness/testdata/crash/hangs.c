// SPDX-License-Identifier: GPL-2.0-only
/* What never ends, or not in time. */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "crash.h"

static noinline void crash_soft_lockup(void)
{
	preempt_disable();
	for (;;)
		cpu_relax();
}

static noinline void crash_hard_lockup(void)
{
	local_irq_disable();
	for (;;)
		cpu_relax();
}

static noinline void crash_rcu_stall(void)
{
	rcu_read_lock();
	for (;;)
		cpu_relax();
}

static DECLARE_COMPLETION(never);

static noinline void crash_hung_task(void)
{
	wait_for_completion(&never);
}

static noinline void crash_killable_hang(void)
{
	wait_for_completion_killable(&never);
}

static void crash_work(struct work_struct *work)
{
	mdelay(60000);
}

static DECLARE_WORK(work, crash_work);

static noinline void crash_workqueue(void)
{
	schedule_work(&work);
	flush_work(&work);
}

const struct crash_way crash_hangs[] = {
	{ "soft-lockup", crash_soft_lockup },
	{ "hard-lockup", crash_hard_lockup },
	{ "rcu-stall", crash_rcu_stall },
	{ "hung-task", crash_hung_task },
	{ "killable-hang", crash_killable_hang },
	{ "workqueue", crash_workqueue },
	{ }
};
