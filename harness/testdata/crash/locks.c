// SPDX-License-Identifier: GPL-2.0-only
/* Locks that are taken, held or left as nobody may. */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "crash.h"

static DEFINE_MUTEX(one);
static DEFINE_MUTEX(two);
static DEFINE_SPINLOCK(spin);
static DEFINE_SPINLOCK(shared);
static DEFINE_SPINLOCK(inner);

static noinline void crash_circular(void)
{
	mutex_lock(&one);
	mutex_lock(&two);
	mutex_unlock(&two);
	mutex_unlock(&one);
	mutex_lock(&two);
	mutex_lock(&one);
	mutex_unlock(&one);
	mutex_unlock(&two);
}

static noinline void crash_recursive(void)
{
	spin_lock(&spin);
	spin_lock(&spin);
}

static void crash_in_interrupt(struct irq_work *work)
{
	spin_lock(&shared);
	spin_unlock(&shared);
}

static noinline void crash_inconsistent(void)
{
	struct irq_work work;

	init_irq_work(&work, crash_in_interrupt);
	irq_work_queue(&work);
	irq_work_sync(&work);
	spin_lock(&shared);
	spin_unlock(&shared);
}

static noinline void crash_irq_unsafe(void)
{
	crash_inconsistent();
	spin_lock(&inner);
	spin_unlock(&inner);
	spin_lock_irq(&shared);
	spin_lock(&inner);
	spin_unlock(&inner);
	spin_unlock_irq(&shared);
}

static noinline void crash_left_held(void)
{
	mutex_lock(&one);
}

static noinline void crash_not_held(void)
{
	mutex_unlock(&two);
}

static noinline void crash_freed_held(void)
{
	struct mutex *lock = kmalloc(sizeof(*lock), GFP_KERNEL);

	if (!lock)
		return;
	mutex_init(lock);
	mutex_lock(lock);
	kfree(lock);
}

static noinline void crash_no_key(void)
{
	spinlock_t *lock = kzalloc(sizeof(*lock), GFP_KERNEL);

	if (!lock)
		return;
	spin_lock(lock);
	spin_unlock(lock);
	kfree(lock);
}

static noinline void crash_wait_context(void)
{
	spin_lock(&spin);
	mutex_lock(&one);
	mutex_unlock(&one);
	spin_unlock(&spin);
}

static int __rcu *pointer;

static noinline void crash_rcu_usage(void)
{
	if (rcu_dereference(pointer))
		pr_info("crash: there is one\n");
}

static noinline void crash_sleep(void)
{
	spin_lock(&spin);
	might_sleep();
	spin_unlock(&spin);
}

static noinline void crash_schedule(void)
{
	preempt_disable();
	msleep(10);
	preempt_enable();
}

static noinline void crash_unlock_early(void)
{
	rcu_read_unlock();
}

static DECLARE_COMPLETION(never);

static noinline void crash_hang_locked(void)
{
	mutex_lock(&one);
	wait_for_completion(&never);
}

const struct crash_way crash_locks[] = {
	{ "circular", crash_circular },
	{ "recursive", crash_recursive },
	{ "inconsistent", crash_inconsistent },
	{ "irq-unsafe", crash_irq_unsafe },
	{ "left-held", crash_left_held },
	{ "not-held", crash_not_held },
	{ "freed-held", crash_freed_held },
	{ "no-key", crash_no_key },
	{ "wait-context", crash_wait_context },
	{ "rcu-usage", crash_rcu_usage },
	{ "sleep", crash_sleep },
	{ "schedule", crash_schedule },
	{ "unlock-early", crash_unlock_early },
	{ "hang-locked", crash_hang_locked },
	{ }
};
