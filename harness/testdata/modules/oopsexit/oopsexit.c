// SPDX-License-Identifier: GPL-2.0-only
/* A module that follows a null pointer when it is unloaded. */
#include <linux/compiler.h>
#include <linux/module.h>

static int *nowhere;

static int __init oopsexit_init(void)
{
	return 0;
}

static void __exit oopsexit_exit(void)
{
	WRITE_ONCE(*nowhere, 1);
}

module_init(oopsexit_init);
module_exit(oopsexit_exit);
MODULE_DESCRIPTION("a module that makes the kernel oops when it is unloaded");
MODULE_LICENSE("GPL");
