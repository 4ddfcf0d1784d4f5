/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOCKETOPT_HANDLERS_H
#define SOCKETOPT_HANDLERS_H

#include <linux/compiler.h>
#include <linux/sockptr.h>

struct sock;

/* Handles SOCKET_OPS_SET, the only command for setsockopt(). */
int socketopt_set(struct sock *sk, sockptr_t arg, unsigned int len);

/*
 * Handles every command for getsockopt(). @cmd is its number in the UAPI
 * header, whatever the value of "base".
 */
int socketopt_get(struct sock *sk, int cmd, void __user *user, int *len);

#endif /* SOCKETOPT_HANDLERS_H */
