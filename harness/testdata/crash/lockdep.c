// SPDX-License-Identifier: GPL-2.0-only
/* Uses of locks that may deadlock, which lockdep reports. */
#include <linux/err.h>
#include <linux/irq_work.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
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
	mutex_lock(&one); /* circular */
	mutex_unlock(&one);
	mutex_unlock(&two);
}

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);

static noinline void crash_take(struct mutex *lock)
{
	mutex_lock_nested(lock, 0);
}

static noinline void crash_recursive(void)
{
	static struct lock_class_key key;

	lockdep_set_class(&first, &key);
	lockdep_set_class(&second, &key);
	crash_take(&first);
	crash_take(&second); /* recursive */
	mutex_unlock(&second);
	mutex_unlock(&first);
}

static void crash_in_interrupt(struct irq_work *work)
{
	spin_lock(&shared); /* irq-inversion */
	spin_unlock(&shared);
}

static noinline void crash_interrupt(void)
{
	struct irq_work work;

	init_irq_work(&work, crash_in_interrupt);
	irq_work_queue(&work);
	irq_work_sync(&work);
}

static noinline void crash_inconsistent(void)
{
	crash_interrupt();
	spin_lock(&shared); /* inconsistent */
	spin_unlock(&shared);
}

static noinline void crash_irq_unsafe(void)
{
	crash_interrupt();
	spin_lock(&inner);
	spin_unlock(&inner);
	spin_lock_irq(&shared);
	spin_lock(&inner); /* irq-unsafe */
	spin_unlock(&inner);
	spin_unlock_irq(&shared);
}

static noinline void crash_irq_inversion(void)
{
	spin_lock(&inner);
	spin_unlock(&inner);
	spin_lock_irq(&shared);
	spin_lock(&inner);
	spin_unlock(&inner);
	spin_unlock_irq(&shared);
	crash_interrupt();
}

static noinline void crash_left_held(void)
{
	mutex_lock(&one);
}

static noinline void crash_not_held(void)
{
	mutex_unlock(&two); /* not-held */
}

static noinline void crash_freed_held(void)
{
	struct mutex *lock = kmalloc(sizeof(*lock), GFP_KERNEL);

	if (!lock)
		return;
	mutex_init(lock);
	mutex_lock(lock);
	kfree(lock); /* freed-held */
}

static noinline int crash_exit_holding(void *unused)
{
	mutex_lock(&one);
	return 0;
}

static noinline void crash_exit_held(void)
{
	struct task_struct *other = kthread_run(crash_exit_holding, NULL, "crash_exit");

	if (IS_ERR(other))
		return;
	get_task_struct(other);
	while (!READ_ONCE(other->exit_state))
		schedule_timeout_uninterruptible(1);
	put_task_struct(other);
}

static noinline void crash_no_key(void)
{
	struct mutex *lock = kzalloc(sizeof(*lock), GFP_KERNEL);

	if (!lock)
		return;
	mutex_init(lock);
#ifdef CONFIG_DEBUG_LOCK_ALLOC
	lock->dep_map.key = NULL;
#endif
	mutex_lock(lock); /* no-key */
	mutex_unlock(lock);
	kfree(lock);
}

static noinline void crash_nest_lock(void)
{
	mutex_lock_nest_lock(&one, &two); /* nest-lock */
	mutex_unlock(&one);
}

static noinline void crash_too_deep(void)
{
	static struct lock_class_key keys[64];
	static struct mutex locks[64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(locks); i++) {
		__mutex_init(&locks[i], "crash_deep", &keys[i]);
		mutex_lock(&locks[i]); /* too-deep */
	}
	while (i--)
		mutex_unlock(&locks[i]);
}

static noinline void crash_wait_context(void)
{
	static DEFINE_RAW_SPINLOCK(raw);

	raw_spin_lock(&raw);
	spin_lock(&spin); /* wait-context */
	spin_unlock(&spin);
	raw_spin_unlock(&raw);
}

const struct crash_way crash_lockdep[] = {
	{ "circular", crash_circular },
	{ "recursive", crash_recursive },
	{ "inconsistent", crash_inconsistent },
	{ "irq-unsafe", crash_irq_unsafe },
	{ "irq-inversion", crash_irq_inversion },
	{ "left-held", crash_left_held },
	{ "not-held", crash_not_held },
	{ "freed-held", crash_freed_held },
	{ "exit-held", crash_exit_held },
	{ "no-key", crash_no_key },
	{ "nest-lock", crash_nest_lock },
	{ "too-deep", crash_too_deep },
	{ "wait-context", crash_wait_context },
	{ }
};
