// SPDX-License-Identifier: GPL-2.0-only
/* A module whose build also needs files outside its directory. */
#include <linux/module.h>

#include "builds.h"

static int __init builds_init(void)
{
	int unused;

	unused = BUILDS;
	return 0;
}

static void __exit builds_exit(void)
{
}

module_init(builds_init);
module_exit(builds_exit);
MODULE_DESCRIPTION("a module that builds");
MODULE_LICENSE("GPL");
