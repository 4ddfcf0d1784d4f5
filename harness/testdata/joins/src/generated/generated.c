// SPDX-License-Identifier: GPL-2.0-only
#include <linux/module.h>

#include "made.h"

static int value = MADE;
module_param(value, int, 0444);
MODULE_PARM_DESC(value, "of the header that make_header writes");

static int __init joins_init(void)
{
	return 0;
}

static void __exit joins_exit(void)
{
}

module_init(joins_init);
module_exit(joins_exit);

MODULE_DESCRIPTION("a module whose header a script makes");
MODULE_LICENSE("GPL");
