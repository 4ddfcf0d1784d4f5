// SPDX-License-Identifier: GPL-2.0-only
/* A module that follows a null pointer when it is loaded. */
#include <linux/compiler.h>
#include <linux/module.h>

static int *nowhere;

static int __init oopsinit_init(void)
{
	return READ_ONCE(*nowhere);
}

module_init(oopsinit_init);
MODULE_DESCRIPTION("a module that makes the kernel oops when it is loaded");
MODULE_LICENSE("GPL");
