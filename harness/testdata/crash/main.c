// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that breaks the kernel in the way that is written to /proc/crash.
 * Reading that file lists the ways.
 */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include "crash.h"

static const struct crash_way *const tables[] = {
	crash_access, crash_checks, crash_hangs, crash_locks, crash_memory, crash_pages, crash_races,
};

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
	const struct crash_way *way;
	char name[32] = "";
	size_t i;

	if (len >= sizeof(name))
		return -EINVAL;
	if (copy_from_user(name, from, len))
		return -EFAULT;
	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		for (way = tables[i]; way->name; way++) {
			if (strcmp(way->name, name))
				continue;
			way->run();
			return len;
		}
	}
	return -ENOENT;
}

static const struct proc_ops crash_proc_ops = {
	.proc_open = crash_open,
	.proc_read = seq_read,
	.proc_write = crash_write,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
};

static int __init crash_init(void)
{
	return proc_create("crash", 0600, NULL, &crash_proc_ops) ? 0 : -ENOMEM;
}

static void __exit crash_exit(void)
{
	remove_proc_entry("crash", NULL);
}

module_init(crash_init);
module_exit(crash_exit);
MODULE_DESCRIPTION("a module that breaks the kernel");
MODULE_LICENSE("GPL");
