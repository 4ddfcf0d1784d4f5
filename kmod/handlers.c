// SPDX-License-Identifier: GPL-2.0-only
/* Sets and gets: check the capability, copy the data, count the call. */

#include <linux/build_bug.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/uaccess.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "handlers.h"
#include "log.h"
#include "netns.h"
#include "state.h"

static const char greeting[] = "--------kernel---------";

static bool socketopt_is_admin(const struct sock *sk)
{
	return ns_capable(sock_net(sk)->user_ns, CAP_NET_ADMIN);
}

static int socketopt_receive(struct socketopt_message *msg, sockptr_t arg,
			     unsigned int len)
{
	if (len > sizeof(msg->data))
		return -EINVAL;
	if (len && copy_from_sockptr(msg->data, arg, len))
		return -EFAULT;

	msg->len = len;
	return 0;
}

static int socketopt_set_message(struct sock *sk, struct socketopt_state *state,
				 sockptr_t arg, unsigned int len)
{
	struct socketopt_message msg = {};
	bool logged;
	int err;

	if (!socketopt_is_admin(sk))
		return -EPERM;

	logged = socketopt_log_set();

	err = socketopt_receive(&msg, arg, len);
	if (err)
		return err;

	socketopt_state_store(state, &msg);
	if (logged)
		socketopt_log_stored(&msg);

	return 0;
}

int socketopt_set(struct sock *sk, sockptr_t arg, unsigned int len)
{
	struct socketopt_state *state = socketopt_netns_state(sock_net(sk));
	int err;

	err = socketopt_set_message(sk, state, arg, len);
	if (err)
		socketopt_state_count_rejected(state);

	return err;
}

/* Copies min(*len, size) bytes and stores that number in *len. */
static int socketopt_answer(void __user *user, int *len, const void *data,
			    size_t size)
{
	size_t n;

	if (*len < 0)
		return -EINVAL;

	n = min_t(size_t, *len, size);
	if (n && copy_to_user(user, data, n))
		return -EFAULT;

	*len = n;
	return 0;
}

static int socketopt_get_greeting(void __user *user, int *len)
{
	bool logged;
	int err;

	BUILD_BUG_ON(sizeof(greeting) != 24);

	logged = socketopt_log_greet();

	err = socketopt_answer(user, len, greeting, sizeof(greeting));
	if (err)
		return err;

	if (logged)
		socketopt_log_greeted(greeting);

	return 0;
}

static int socketopt_get_last(struct sock *sk, struct socketopt_state *state,
			      void __user *user, int *len)
{
	struct socketopt_message msg;

	if (!socketopt_is_admin(sk))
		return -EPERM;

	socketopt_state_last(state, &msg);
	return socketopt_answer(user, len, msg.data, msg.len);
}

static int socketopt_get_stats(struct sock *sk, struct socketopt_state *state,
			       void __user *user, int *len)
{
	struct socketopt_stats stats;

	BUILD_BUG_ON(offsetof(struct socketopt_stats, sets) != 0);
	BUILD_BUG_ON(offsetof(struct socketopt_stats, gets) != 8);
	BUILD_BUG_ON(offsetof(struct socketopt_stats, set_bytes) != 16);
	BUILD_BUG_ON(offsetof(struct socketopt_stats, get_bytes) != 24);
	BUILD_BUG_ON(offsetof(struct socketopt_stats, rejected) != 32);
	BUILD_BUG_ON(sizeof(struct socketopt_stats) != 40);

	if (!socketopt_is_admin(sk))
		return -EPERM;

	socketopt_state_stats(state, &stats);
	return socketopt_answer(user, len, &stats, sizeof(stats));
}

static int socketopt_get_command(struct sock *sk, struct socketopt_state *state,
				 int cmd, void __user *user, int *len)
{
	switch (cmd) {
	case SOCKET_OPS_GET:
		return socketopt_get_greeting(user, len);
	case SOCKET_OPS_LAST:
		return socketopt_get_last(sk, state, user, len);
	case SOCKET_OPS_STATS:
		return socketopt_get_stats(sk, state, user, len);
	default:
		return -ENOPROTOOPT;
	}
}

int socketopt_get(struct sock *sk, int cmd, void __user *user, int *len)
{
	struct socketopt_state *state = socketopt_netns_state(sock_net(sk));
	int err;

	err = socketopt_get_command(sk, state, cmd, user, len);
	if (err)
		socketopt_state_count_rejected(state);
	else
		socketopt_state_count_get(state, *len);

	return err;
}
