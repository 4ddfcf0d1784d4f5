// SPDX-License-Identifier: GPL-2.0-only
/* Invalid uses of locks, and calls that sleep in atomic context. */
#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "crash.h"

static DEFINE_SPINLOCK(spin);

/* The task takes a spinlock that it holds, and so waits for itself. */
static noinline void crash_spin_twice(void)
{
	spin_lock(&spin);
	spin_lock(&spin); /* spin-twice */
}

static noinline void crash_spin_zero(void)
{
	static spinlock_t lock;

	memset(&lock, 0, sizeof(lock));
	spin_lock(&lock); /* spin-zero */
	spin_unlock(&lock);
}

static noinline void crash_spin_not_held(void)
{
	spin_unlock(&spin); /* spin-not-held */
}

static noinline void crash_sleep(void)
{
	spin_lock(&spin);
	might_sleep(); /* sleep */
	spin_unlock(&spin);
}

static noinline void crash_sleep_alloc(void)
{
	char *object;

	spin_lock(&spin);
	object = kmalloc(64, GFP_KERNEL); /* sleep-alloc */
	spin_unlock(&spin);
	kfree(object);
}

static noinline void crash_schedule(void)
{
	preempt_disable();
	msleep(20); /* schedule */
	preempt_enable();
}

static noinline void crash_irqs_off(void)
{
	local_irq_disable();
	msleep(20); /* irqs-off */
	local_irq_enable();
}

static noinline void crash_irqs_left_off(void)
{
	local_irq_disable();
}

static noinline void crash_preempt_left_off(void)
{
	preempt_disable();
}

static int __rcu *pointer;

static noinline void crash_rcu_usage(void)
{
	if (rcu_dereference(pointer)) /* rcu-usage */
		pr_info("crash: there is one\n");
}

static noinline void crash_rcu_sleep(void)
{
	rcu_read_lock();
	msleep(20); /* rcu-sleep */
	rcu_read_unlock();
}

static noinline void crash_rcu_left_held(void)
{
	rcu_read_lock();
}

static noinline void crash_unlock_early(void)
{
	rcu_read_unlock(); /* unlock-early */
}

static void crash_leave_locked(struct work_struct *work)
{
	preempt_disable();
}

static DECLARE_WORK(careless, crash_leave_locked);

static noinline void crash_work_left_off(void)
{
	schedule_work(&careless);
	flush_work(&careless);
}

const struct crash_way crash_locks[] = {
	{ "spin-twice", crash_spin_twice },
	{ "spin-zero", crash_spin_zero },
	{ "spin-not-held", crash_spin_not_held },
	{ "sleep", crash_sleep },
	{ "sleep-alloc", crash_sleep_alloc },
	{ "schedule", crash_schedule },
	{ "irqs-off", crash_irqs_off },
	{ "irqs-left-off", crash_irqs_left_off },
	{ "preempt-left-off", crash_preempt_left_off },
	{ "rcu-usage", crash_rcu_usage },
	{ "rcu-sleep", crash_rcu_sleep },
	{ "rcu-left-held", crash_rcu_left_held },
	{ "unlock-early", crash_unlock_early },
	{ "work-left-off", crash_work_left_off },
	{ }
};
