// SPDX-License-Identifier: GPL-2.0-only
/* A module whose initialisation is refused. */
#include <linux/errno.h>
#include <linux/module.h>
#include <linux/printk.h>

static int __init noload_init(void)
{
	pr_info("noload: the device is not there\n");
	return -ENODEV;
}

module_init(noload_init);
MODULE_DESCRIPTION("a module that does not load");
MODULE_LICENSE("GPL");
