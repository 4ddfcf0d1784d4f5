/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOCKETOPT_SOCKOPT_H
#define SOCKETOPT_SOCKOPT_H

/*
 * Returns -EINVAL if "base" leaves no room for the commands, -EBUSY if another
 * module owns part of the range.
 */
int socketopt_sockopt_register(void);

/* Once this has returned, no call is in progress and none can start. */
void socketopt_sockopt_unregister(void);

#endif /* SOCKETOPT_SOCKOPT_H */
