// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lines that a caller can cause in the kernel's log.
 *
 * They are limited for all namespaces together, as anyone can make a namespace,
 * but for sets and greetings apart: a greeting needs no right, and asking for
 * many must not hide the sets. All who may set share one limit, roots of user
 * namespaces of their own among them.
 */

#include <linux/build_bug.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>

#include "log.h"
#include "state.h"

/* The longest form of a byte is \xHH. */
#define ESCAPED_BYTE	4
#define ESCAPED_SIZE	(ESCAPED_BYTE * SOCKET_OPS_MSG_MAX + 1)

static DEFINE_RATELIMIT_STATE(set_limit, DEFAULT_RATELIMIT_INTERVAL,
			      DEFAULT_RATELIMIT_BURST);
static DEFINE_RATELIMIT_STATE(greet_limit, DEFAULT_RATELIMIT_INTERVAL,
			      DEFAULT_RATELIMIT_BURST);

/*
 * isprint() takes Latin-1's upper half for printable. The backslash is escaped
 * too, so that every line stands for one message only.
 */
static bool is_plain(u8 c)
{
	return c >= ' ' && c <= '~' && c != '\\';
}

/* One NUL at the end is how C ends a string; it is not shown. */
static void escape(char *out, const struct socketopt_message *msg)
{
	size_t len = msg->len;
	size_t i;

	if (len && !msg->data[len - 1])
		len--;

	for (i = 0; i < len; i++) {
		if (is_plain(msg->data[i]))
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

	escape(text, msg);
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

/* Otherwise a limit tells, as a warning, how much it has suppressed. */
void socketopt_log_init(void)
{
	ratelimit_set_flags(&set_limit, RATELIMIT_MSG_ON_RELEASE);
	ratelimit_set_flags(&greet_limit, RATELIMIT_MSG_ON_RELEASE);
}
