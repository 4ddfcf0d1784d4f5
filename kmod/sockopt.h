/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOCKETOPT_SOCKOPT_H
#define SOCKETOPT_SOCKOPT_H

/* -EINVAL if "base" leaves no room, -EBUSY if another owns the range. */
int socketopt_sockopt_register(void);

/* No call is inside, or comes in, once this has returned. */
void socketopt_sockopt_unregister(void);

#endif /* SOCKETOPT_SOCKOPT_H */
