/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SOCKETOPT_STATE_H
#define SOCKETOPT_STATE_H

#include <linux/spinlock.h>
#include <linux/types.h>

#include "uapi/socketopt.h"

struct socketopt_message {
	size_t len;
	u8 data[SOCKET_OPS_MSG_MAX];
};

struct socketopt_state {
	/*
	 * Protects all fields below. Taken in process context only, and never
	 * held while user memory is accessed, which may sleep.
	 */
	spinlock_t lock;
	struct socketopt_message last;
	struct socketopt_stats stats;
};

/* Initializes @state, whose memory the caller has zeroed. */
void socketopt_state_init(struct socketopt_state *state);

/* Atomically replaces the message and counts the set. */
void socketopt_state_store(struct socketopt_state *state,
			   const struct socketopt_message *msg);

void socketopt_state_last(struct socketopt_state *state,
			  struct socketopt_message *msg);
void socketopt_state_stats(struct socketopt_state *state,
			   struct socketopt_stats *stats);

void socketopt_state_count_get(struct socketopt_state *state, size_t bytes);
void socketopt_state_count_rejected(struct socketopt_state *state);

#endif /* SOCKETOPT_STATE_H */
