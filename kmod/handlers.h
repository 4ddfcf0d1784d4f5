/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOCKETOPT_HANDLERS_H
#define SOCKETOPT_HANDLERS_H

#include <linux/compiler.h>
#include <linux/sockptr.h>

struct sock;

/* The one set there is: SOCKET_OPS_SET. */
int socketopt_set(struct sock *sk, sockptr_t arg, unsigned int len);

/* @cmd is a number of the UAPI header, whatever "base" is. */
int socketopt_get(struct sock *sk, int cmd, void __user *user, int *len);

#endif /* SOCKETOPT_HANDLERS_H */
