// SPDX-License-Identifier: GPL-2.0-only
#include <linux/module.h>

static int value = 1;
module_param(value, int, 0444);
MODULE_PARM_DESC(value, "1");

static int __init joins_init(void)
{
	return 0;
}

static void __exit joins_exit(void)
{
}

module_init(joins_init);
module_exit(joins_exit);

MODULE_DESCRIPTION("a module three levels below the directory");
MODULE_LICENSE("GPL");
