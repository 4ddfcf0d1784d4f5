// SPDX-License-Identifier: GPL-2.0-only
/* A module that forgets to put a reference to itself. */
#include <linux/module.h>

static int __init nounload_init(void)
{
	__module_get(THIS_MODULE);
	return 0;
}

static void __exit nounload_exit(void)
{
}

module_init(nounload_init);
module_exit(nounload_exit);
MODULE_DESCRIPTION("a module that does not unload");
MODULE_LICENSE("GPL");
