// SPDX-License-Identifier: GPL-2.0-only
/* A module that does not compile. */
#include <linux/module.h>

static int __init nocompile_init(void)
{
	return this_is_not_declared;
}

module_init(nocompile_init);
MODULE_DESCRIPTION("a module that does not compile");
MODULE_LICENSE("GPL");
