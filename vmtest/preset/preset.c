// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sets the counters of socketopt in the network namespace of the process that
 * loads this module, so that a test can make them overflow.
 *
 * The parameter "finder" is the address of the function that returns the state
 * of a namespace. The counters are found in that state by their current values.
 */

#include <linux/errno.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/types.h>

#define COUNTERS	5
#define STATE_SIZE	512	/* locks are large under lockdep */

static unsigned long finder;
module_param(finder, ulong, 0);
MODULE_PARM_DESC(finder, "address of the function; 0 does nothing");

static unsigned long long from[COUNTERS];
module_param_array(from, ullong, NULL, 0);
MODULE_PARM_DESC(from, "values of the counters, in the order of struct socketopt_stats");

static unsigned long long to[COUNTERS];
module_param_array(to, ullong, NULL, 0);
MODULE_PARM_DESC(to, "new values of the counters, in the same order");

static int __init preset_init(void)
{
	void *(*find)(const struct net *net) = (void *)finder;
	size_t at;
	u8 *state;

	if (!find)
		return 0;

	state = find(current->nsproxy->net_ns);
	for (at = 0; at + sizeof(from) <= STATE_SIZE; at += sizeof(u64)) {
		if (!memcmp(state + at, from, sizeof(from))) {
			memcpy(state + at, to, sizeof(to));
			return 0;
		}
	}

	return -ENOENT;
}

static void __exit preset_exit(void)
{
}

module_init(preset_init);
module_exit(preset_exit);

MODULE_DESCRIPTION("Sets the counters of socketopt for a test");
MODULE_AUTHOR("the kmodtest authors");
MODULE_LICENSE("GPL");
