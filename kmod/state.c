// SPDX-License-Identifier: GPL-2.0-only
/* The state of one network namespace: the last message and the counters. */

#include "state.h"

void socketopt_state_init(struct socketopt_state *state)
{
	spin_lock_init(&state->lock);
}

void socketopt_state_store(struct socketopt_state *state,
			   const struct socketopt_message *msg)
{
	spin_lock(&state->lock);
	state->last = *msg;
	state->stats.sets++;
	state->stats.set_bytes += msg->len;
	spin_unlock(&state->lock);
}

void socketopt_state_last(struct socketopt_state *state,
			  struct socketopt_message *msg)
{
	spin_lock(&state->lock);
	*msg = state->last;
	spin_unlock(&state->lock);
}

void socketopt_state_stats(struct socketopt_state *state,
			   struct socketopt_stats *stats)
{
	spin_lock(&state->lock);
	*stats = state->stats;
	spin_unlock(&state->lock);
}

void socketopt_state_count_get(struct socketopt_state *state, size_t bytes)
{
	spin_lock(&state->lock);
	state->stats.gets++;
	state->stats.get_bytes += bytes;
	spin_unlock(&state->lock);
}

void socketopt_state_count_rejected(struct socketopt_state *state)
{
	spin_lock(&state->lock);
	state->stats.rejected++;
	spin_unlock(&state->lock);
}
