/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOCKETOPT_LOG_H
#define SOCKETOPT_LOG_H

#include <linux/types.h>

struct socketopt_message;

/*
 * The first line of a call. False if the call is over the limit and must log
 * nothing more, so that the two lines of a call appear together or not at all.
 */
bool socketopt_log_set(void);
bool socketopt_log_greet(void);

/* The second line, once the call has worked. */
void socketopt_log_stored(const struct socketopt_message *msg);
void socketopt_log_greeted(const char *greeting);

/* Before the first call. */
void socketopt_log_init(void);

#endif /* SOCKETOPT_LOG_H */
