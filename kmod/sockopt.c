// SPDX-License-Identifier: GPL-2.0-only
/* The module's ranges of commands, and where they begin. */

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

/* Ranges are half open: their ends are no commands. */
#define SET_COMMANDS	(SOCKET_OPS_SET + 1 - SOCKET_OPS_BASE)
#define GET_COMMANDS	(SOCKET_OPS_STATS + 1 - SOCKET_OPS_BASE)

static int base = SOCKET_OPS_BASE;
module_param(base, int, 0444);
MODULE_PARM_DESC(base, "number of the first command");

static int set(struct sock *sk, int optval, sockptr_t arg, unsigned int len)
{
	return socketopt_set(sk, arg, len);
}

static int get(struct sock *sk, int optval, void __user *user, int *len)
{
	return socketopt_get(sk, optval - base + SOCKET_OPS_BASE, user, len);
}

/* The core takes a reference on the owner for as long as a call is inside. */
static struct nf_sockopt_ops ops = {
	.pf	= PF_INET,
	.set	= set,
	.get	= get,
	.owner	= THIS_MODULE,
};

int __init socketopt_sockopt_register(void)
{
	if (base < 0 || base > INT_MAX - GET_COMMANDS)
		return -EINVAL;

	ops.set_optmin = base;
	ops.set_optmax = base + SET_COMMANDS;
	ops.get_optmin = base;
	ops.get_optmax = base + GET_COMMANDS;

	return nf_register_sockopt(&ops);
}

void socketopt_sockopt_unregister(void)
{
	nf_unregister_sockopt(&ops);
}
