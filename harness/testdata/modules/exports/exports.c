// SPDX-License-Identifier: GPL-2.0-only
/* A module that exports a function. */
#include <linux/module.h>

int exports_answer(void);

int exports_answer(void)
{
	return 42;
}
EXPORT_SYMBOL_GPL(exports_answer);

static int __init exports_init(void)
{
	return 0;
}

static void __exit exports_exit(void)
{
}

module_init(exports_init);
module_exit(exports_exit);
MODULE_DESCRIPTION("a module that exports a function");
MODULE_LICENSE("GPL");
