// SPDX-License-Identifier: GPL-2.0-only
/* Code that never ends, or not in time. */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/irqflags.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "crash.h"

static noinline void crash_spin(void)
{
	u64 start = crash_start();

	while (!crash_over(start))
		cpu_relax();
}

static noinline void crash_soft_lockup(void)
{
	preempt_disable();
	crash_spin(); /* soft-lockup */
	preempt_enable();
}

static noinline void crash_hard_lockup(void)
{
	local_irq_disable();
	crash_spin(); /* hard-lockup */
	local_irq_enable(); /* hard-lockup */
} /* hard-lockup */

static void crash_rcu_called(struct rcu_head *head)
{
}

static struct rcu_head head;

static noinline void crash_rcu_stall(void)
{
	/*
	 * A grace period has the timeout of its beginning. This one may have
	 * begun before the test changed that; the next one has not.
	 */
	call_rcu(&head, crash_rcu_called);
	rcu_barrier();
	rcu_read_lock();
	call_rcu(&head, crash_rcu_called);
	crash_spin(); /* rcu-stall */
	rcu_read_unlock();
	rcu_barrier();
}

static DECLARE_COMPLETION(never);

static noinline void crash_hung_task(void)
{
	wait_for_completion_timeout(&never, crash_timeout()); /* hung-task */
}

static noinline void crash_killable_hang(void)
{
	wait_for_completion_killable_timeout(&never, crash_timeout()); /* killable-hang */
}

static DEFINE_MUTEX(left);
static DEFINE_MUTEX(right);
static DECLARE_COMPLETION(taken);

static noinline int crash_take_right(void *unused)
{
	mutex_lock(&right);
	complete(&taken);
	mutex_lock(&left);
	mutex_unlock(&left);
	mutex_unlock(&right);
	return 0;
}

static noinline void crash_deadlock(void)
{
	struct task_struct *other;

	mutex_lock(&left);
	other = kthread_run(crash_take_right, NULL, "crash_right");
	if (!IS_ERR(other)) {
		wait_for_completion(&taken);
		mutex_lock(&right); /* deadlock */
		mutex_unlock(&right);
	}
	mutex_unlock(&left);
}

static DEFINE_MUTEX(held);

static noinline void crash_hang_locked(void)
{
	mutex_lock(&held);
	wait_for_completion_timeout(&never, crash_timeout()); /* hang-locked */
	mutex_unlock(&held);
}

static void crash_busy(struct work_struct *work)
{
	preempt_disable();
	crash_spin(); /* workqueue */
	preempt_enable();
}

static void crash_idle(struct work_struct *work)
{
}

static DECLARE_WORK(busy, crash_busy);
static DECLARE_WORK(waiting, crash_idle);

/* Both run on one processor, so that the second waits for the first. */
static noinline void crash_workqueue(void)
{
	schedule_work_on(1, &busy);
	schedule_work_on(1, &waiting);
	flush_work(&busy);
	flush_work(&waiting);
}

static void crash_put(struct work_struct *work);
static DECLARE_DELAYED_WORK(late, crash_put);
static struct net_device *device;

static void crash_put(struct work_struct *work)
{
	dev_put(device);
}

static const struct net_device_ops no_ops;

static void crash_setup(struct net_device *dev)
{
	dev->netdev_ops = &no_ops;
	dev->needs_free_netdev = true;
}

static noinline void crash_device_held(void)
{
	device = alloc_netdev(0, "crash%d", NET_NAME_UNKNOWN, crash_setup);
	if (!device)
		return;
	if (register_netdev(device)) {
		free_netdev(device);
		return;
	}
	dev_hold(device);
	if (crash_timeout() != MAX_SCHEDULE_TIMEOUT)
		schedule_delayed_work(&late, crash_timeout());
	unregister_netdev(device);
}

const struct crash_way crash_hangs[] = {
	{ "soft-lockup", crash_soft_lockup },
	{ "hard-lockup", crash_hard_lockup },
	{ "rcu-stall", crash_rcu_stall },
	{ "hung-task", crash_hung_task },
	{ "killable-hang", crash_killable_hang },
	{ "deadlock", crash_deadlock },
	{ "hang-locked", crash_hang_locked },
	{ "workqueue", crash_workqueue },
	{ "device-held", crash_device_held },
	{ }
};
