// SPDX-License-Identifier: GPL-2.0-only
/* A module that uses a symbol that no kernel exports. */
#include <linux/module.h>

int unknown_symbol_of_no_kernel(void);

static int __init unknown_init(void)
{
	return unknown_symbol_of_no_kernel();
}

static void __exit unknown_exit(void)
{
}

module_init(unknown_init);
module_exit(unknown_exit);
MODULE_DESCRIPTION("a module that uses an unknown symbol");
MODULE_LICENSE("GPL");
