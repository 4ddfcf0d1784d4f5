/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOCKETOPT_LOG_H
#define SOCKETOPT_LOG_H

#include <linux/types.h>

struct socketopt_message;

/*
 * Log the first line of a call. Return false if the call exceeds the limit; it
 * then must not log its second line, so that both appear or neither.
 */
bool socketopt_log_set(void);
bool socketopt_log_greet(void);

/* Log the second line of a call that has succeeded. */
void socketopt_log_stored(const struct socketopt_message *msg);
void socketopt_log_greeted(const char *greeting);

/* Must be called before any other function of this file. */
void socketopt_log_init(void);

#endif /* SOCKETOPT_LOG_H */
