// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lines in the kernel log that a caller can cause.
 *
 * All network namespaces share the rate limits, because anyone can create a
 * namespace. Sets and greetings have separate limits: a greeting requires no
 * capability, and many greetings must not suppress the lines of sets. All
 * callers that may set share one limit, including root of a user namespace.
 */

#include <linux/build_bug.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>

#include "log.h"
#include "state.h"

/* The longest representation of a byte is \xHH. */
#define ESCAPED_BYTE	4
#define ESCAPED_SIZE	(ESCAPED_BYTE * SOCKET_OPS_MSG_MAX + 1)

static DEFINE_RATELIMIT_STATE(set_limit, DEFAULT_RATELIMIT_INTERVAL,
			      DEFAULT_RATELIMIT_BURST);
static DEFINE_RATELIMIT_STATE(greet_limit, DEFAULT_RATELIMIT_INTERVAL,
			      DEFAULT_RATELIMIT_BURST);

/*
 * isprint() accepts the upper half of Latin-1. The backslash is escaped too, so
 * that two different messages never produce the same line.
 */
static bool socketopt_log_is_plain(u8 c)
{
	return c >= ' ' && c <= '~' && c != '\\';
}

/* One trailing NUL, the end of a C string, is omitted. */
static void socketopt_log_escape(char *out, const struct socketopt_message *msg)
{
	size_t len = msg->len;
	size_t i;

	if (len && !msg->data[len - 1])
		len--;

	for (i = 0; i < len; i++) {
		if (socketopt_log_is_plain(msg->data[i]))
			*out++ = msg->data[i];
		else
			out += sprintf(out, "\\x%02x", msg->data[i]);
	}
	*out = '\0';
}

bool socketopt_log_set(void)
{
	if (!__ratelimit(&set_limit))
		return false;

	pr_info("sockopt: recv_msg()\n");
	return true;
}

void socketopt_log_stored(const struct socketopt_message *msg)
{
	char text[ESCAPED_SIZE];

	BUILD_BUG_ON(sizeof("\\xHH") - 1 != ESCAPED_BYTE);

	socketopt_log_escape(text, msg);
	pr_info("recv_msg: umsg = %s. ret = 0\n", text);
}

bool socketopt_log_greet(void)
{
	if (!__ratelimit(&greet_limit))
		return false;

	pr_info("sockopt: send_msg()\n");
	return true;
}

void socketopt_log_greeted(const char *greeting)
{
	pr_info("send_msg: umsg = %s. ret = 0. success\n", greeting);
}

/* Without this flag, __ratelimit() warns about suppressed calls. */
void socketopt_log_init(void)
{
	ratelimit_set_flags(&set_limit, RATELIMIT_MSG_ON_RELEASE);
	ratelimit_set_flags(&greet_limit, RATELIMIT_MSG_ON_RELEASE);
}
