// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that breaks the kernel in the way whose name is written to
 * /proc/crash, or that a parameter names for its loading or unloading. Reading
 * the file lists the ways. The name of a way that hangs may be followed by a
 * number of seconds; without it, the way hangs forever.
 *
 * A comment with the name of the way marks the line at which the kernel breaks,
 * or which calls the check that notices it.
 */
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include "crash.h"

static const struct crash_way *const tables[] = {
	crash_access, crash_checks, crash_hangs, crash_lockdep, crash_locks, crash_memory,
	crash_pages, crash_places, crash_races, crash_slab,
};

static unsigned int seconds;

u64 crash_start(void)
{
	return ktime_get_mono_fast_ns();
}

bool crash_over(u64 start)
{
	return seconds && ktime_get_mono_fast_ns() - start > (u64)seconds * NSEC_PER_SEC;
}

unsigned long crash_timeout(void)
{
	return seconds ? seconds * HZ : MAX_SCHEDULE_TIMEOUT;
}

static int crash_run(const char *name)
{
	const struct crash_way *way;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		for (way = tables[i]; way->name; way++) {
			if (strcmp(way->name, name))
				continue;
			way->run();
			return 0;
		}
	}
	return -ENOENT;
}

static int crash_show(struct seq_file *m, void *unused)
{
	const struct crash_way *way;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		for (way = tables[i]; way->name; way++)
			seq_printf(m, "%s\n", way->name);
	return 0;
}

static int crash_open(struct inode *inode, struct file *file)
{
	return single_open(file, crash_show, NULL);
}

static ssize_t crash_write(struct file *file, const char __user *from, size_t len, loff_t *pos)
{
	char text[40] = "", name[32];
	int err;

	if (len >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, from, len))
		return -EFAULT;
	seconds = 0;
	if (sscanf(text, "%31s %u", name, &seconds) < 1)
		return -EINVAL;
	err = crash_run(name);
	return err ? err : len;
}

static const struct proc_ops crash_proc_ops = {
	.proc_open = crash_open,
	.proc_read = seq_read,
	.proc_write = crash_write,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
};

static char *load;
module_param(load, charp, 0);
MODULE_PARM_DESC(load, "the way to break the kernel while the module is loaded");

static char *unload;
module_param(unload, charp, 0);
MODULE_PARM_DESC(unload, "the way to break the kernel while the module is unloaded");

static int __init crash_init(void)
{
	int err = load ? crash_run(load) : 0;

	if (err)
		return err;
	return proc_create("crash", 0600, NULL, &crash_proc_ops) ? 0 : -ENOMEM;
}

static void __exit crash_exit(void)
{
	remove_proc_entry("crash", NULL);
	if (unload)
		crash_run(unload);
}

module_init(crash_init);
module_exit(crash_exit);
MODULE_DESCRIPTION("a module that breaks the kernel");
MODULE_LICENSE("GPL");
