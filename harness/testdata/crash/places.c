// SPDX-License-Identifier: GPL-2.0-only
/*
 * The same fault in each context in which code of a module runs. The addresses
 * differ, so that the compiler does not merge the functions. They are written to,
 * as s390x has something to read there.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/smp.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

#include "crash.h"

static void crash_irq_work(struct irq_work *work)
{
	crash_store((int *)4); /* in-interrupt */
}

static noinline void crash_in_interrupt(void)
{
	static struct irq_work work;

	init_irq_work(&work, crash_irq_work);
	irq_work_queue(&work);
	irq_work_sync(&work);
}

static void crash_ring(struct timer_list *timer)
{
	crash_store((int *)8); /* in-timer */
}

static noinline void crash_in_timer(void)
{
	static struct timer_list timer;

	timer_setup(&timer, crash_ring, 0);
	mod_timer(&timer, jiffies + 1);
	msleep(200);
}

static void crash_remote(void *unused)
{
	crash_store((int *)12); /* in-other-cpu */
}

static noinline void crash_in_other_cpu(void)
{
	smp_call_function(crash_remote, NULL, 1);
}

static int crash_thread(void *unused)
{
	msleep(20);
	crash_store((int *)16); /* in-thread */
	return 0;
}

static noinline void crash_in_thread(void)
{
	if (!IS_ERR(kthread_run(crash_thread, NULL, "crash_thread")))
		msleep(200);
}

static void crash_work(struct work_struct *work)
{
	crash_store((int *)20); /* in-work */
}

static DECLARE_WORK(work, crash_work);

static noinline void crash_in_work(void)
{
	schedule_work(&work);
	flush_work(&work);
}

const struct crash_way crash_places[] = {
	{ "in-interrupt", crash_in_interrupt },
	{ "in-timer", crash_in_timer },
	{ "in-other-cpu", crash_in_other_cpu },
	{ "in-thread", crash_in_thread },
	{ "in-work", crash_in_work },
	{ }
};
