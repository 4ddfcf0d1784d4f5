// SPDX-License-Identifier: GPL-2.0-only
/* A device to which sums are written; "!" makes each processor count. */
#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/smp.h>
#include <linux/uaccess.h>

#include "counted.h"

static atomic_t total;
static bool refuse;
module_param(refuse, bool, 0);
MODULE_PARM_DESC(refuse, "the module does not load");

/* counted_tick runs in an interrupt. */
static void counted_tick(void *unused)
{
	int i;

	for (i = 0; i < 3; i++)
		if (i != 1)
			atomic_inc(&total);
}

static ssize_t counted_write(struct file *file, const char __user *user, size_t len, loff_t *pos)
{
	char text[32] = {};
	int sum;

	if (len > sizeof(text))
		return -E2BIG;
	if (copy_from_user(text, user, len))
		return -EFAULT;
	if (text[0] == '!') {
		on_each_cpu(counted_tick, NULL, 1);
		return len;
	}
	sum = counted_sum(text, len);
	if (sum < 0)
		return sum;
	atomic_add(counted_limit(sum - 10), &total);
	return len;
}

static const struct file_operations counted_operations = {
	.owner = THIS_MODULE,
	.write = counted_write,
};

static struct miscdevice counted_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "counted",
	.fops = &counted_operations,
};

static int __init counted_init(void)
{
	int err;

	err = misc_register(&counted_device);
	if (err)
		return err;
	if (refuse) {
		err = -EINVAL;
		goto fail;
	}
	return 0;
fail:
	misc_deregister(&counted_device);
	return err;
}

static void __exit counted_exit(void)
{
	misc_deregister(&counted_device);
}

module_init(counted_init);
module_exit(counted_exit);

MODULE_DESCRIPTION("Lines and branches that tests reach often");
MODULE_LICENSE("GPL");
