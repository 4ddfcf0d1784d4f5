// SPDX-License-Identifier: GPL-2.0-only
/* Loading and unloading. uapi/socketopt.h describes the protocol. */

#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>

#include "log.h"
#include "netns.h"
#include "sockopt.h"

static int __init socketopt_init(void)
{
	int err;

	socketopt_log_init();
	err = socketopt_netns_register();
	if (err)
		return err;

	err = socketopt_sockopt_register();
	if (err)
		goto unregister_netns;

	pr_info("sockopt: init_sockopt()\n");
	return 0;

unregister_netns:
	socketopt_netns_unregister();
	return err;
}

static void __exit socketopt_exit(void)
{
	socketopt_sockopt_unregister();
	socketopt_netns_unregister();
	pr_info("sockopt: fini_sockopt()\n");
}

module_init(socketopt_init);
module_exit(socketopt_exit);

MODULE_DESCRIPTION("Messages between user space and the kernel by socket options");
MODULE_AUTHOR("the kmodtest authors");
MODULE_LICENSE("GPL");
