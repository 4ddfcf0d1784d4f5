// SPDX-License-Identifier: GPL-2.0-only
/* The ranges of commands and the parameter "base". */

#include <linux/errno.h>
#include <linux/init.h>
#include <linux/limits.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/netfilter.h>
#include <linux/socket.h>

#include "handlers.h"
#include "sockopt.h"
#include "uapi/socketopt.h"

/* Ranges are half open: the end is not a command. */
#define SET_COMMANDS	(SOCKET_OPS_SET + 1 - SOCKET_OPS_BASE)
#define GET_COMMANDS	(SOCKET_OPS_STATS + 1 - SOCKET_OPS_BASE)

static int base = SOCKET_OPS_BASE;
module_param(base, int, 0444);
MODULE_PARM_DESC(base, "number of the first command");

static int socketopt_sockopt_set(struct sock *sk, int optval, sockptr_t arg,
				 unsigned int len)
{
	return socketopt_set(sk, arg, len);
}

static int socketopt_sockopt_get(struct sock *sk, int optval, void __user *user,
				 int *len)
{
	return socketopt_get(sk, optval - base + SOCKET_OPS_BASE, user, len);
}

/* The core holds a reference to the owner during each call. */
static struct nf_sockopt_ops socketopt_ops = {
	.pf	= PF_INET,
	.set	= socketopt_sockopt_set,
	.get	= socketopt_sockopt_get,
	.owner	= THIS_MODULE,
};

int __init socketopt_sockopt_register(void)
{
	if (base < 0 || base > INT_MAX - GET_COMMANDS)
		return -EINVAL;

	socketopt_ops.set_optmin = base;
	socketopt_ops.set_optmax = base + SET_COMMANDS;
	socketopt_ops.get_optmin = base;
	socketopt_ops.get_optmax = base + GET_COMMANDS;

	return nf_register_sockopt(&socketopt_ops);
}

void socketopt_sockopt_unregister(void)
{
	nf_unregister_sockopt(&socketopt_ops);
}
