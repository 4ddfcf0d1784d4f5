/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOCKETOPT_NETNS_H
#define SOCKETOPT_NETNS_H

struct net;
struct socketopt_state;

int socketopt_netns_register(void);
void socketopt_netns_unregister(void);

/* Valid while the caller holds a reference to @net, as every socket does. */
struct socketopt_state *socketopt_netns_state(const struct net *net);

#endif /* SOCKETOPT_NETNS_H */
