// SPDX-License-Identifier: GPL-2.0-only
/* A module that makes the kernel warn when it is loaded. */
#include <linux/bug.h>
#include <linux/module.h>

static int __init warnsinit_init(void)
{
	WARN_ON(1);
	return 0;
}

static void __exit warnsinit_exit(void)
{
}

module_init(warnsinit_init);
module_exit(warnsinit_exit);
MODULE_DESCRIPTION("a module that makes the kernel warn as it is loaded");
MODULE_LICENSE("GPL");
