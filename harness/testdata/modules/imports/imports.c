// SPDX-License-Identifier: GPL-2.0-only
/* A module that needs another one. */
#include <linux/errno.h>
#include <linux/module.h>

int exports_answer(void);

static int __init imports_init(void)
{
	return exports_answer() == 42 ? 0 : -ERANGE;
}

static void __exit imports_exit(void)
{
}

module_init(imports_init);
module_exit(imports_exit);
MODULE_DESCRIPTION("a module that needs another one");
MODULE_LICENSE("GPL");
