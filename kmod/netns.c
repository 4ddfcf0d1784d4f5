// SPDX-License-Identifier: GPL-2.0-only
/* One state per network namespace, created and freed with the namespace. */

#include <linux/init.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "netns.h"
#include "state.h"

static unsigned int socketopt_net_id;

static int __net_init socketopt_net_init(struct net *net)
{
	socketopt_state_init(net_generic(net, socketopt_net_id));
	return 0;
}

/* Given .id and .size, the core allocates the zeroed state and frees it. */
static struct pernet_operations socketopt_net_ops = {
	.init	= socketopt_net_init,
	.id	= &socketopt_net_id,
	.size	= sizeof(struct socketopt_state),
};

int __init socketopt_netns_register(void)
{
	return register_pernet_subsys(&socketopt_net_ops);
}

void socketopt_netns_unregister(void)
{
	unregister_pernet_subsys(&socketopt_net_ops);
}

struct socketopt_state *socketopt_netns_state(const struct net *net)
{
	return net_generic(net, socketopt_net_id);
}
