// SPDX-License-Identifier: GPL-2.0-only
/* What is written to the parameter value decides which lines are executed. */
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/string.h>

static int value;
static bool refuse;
module_param(refuse, bool, 0);
MODULE_PARM_DESC(refuse, "the module does not load");

static noinline int twice(int n)
{
	return 2 * n; /* line of each set */
}

static int set_value(const char *text, const struct kernel_param *kp)
{
	if (sysfs_streq(text, "panic")) {
		value = 3; /* line of the panic */
		panic("value is panic");
	}
	if (text[0] == 'a') /* line of the choice */
		value = twice(1);
	else
		value = twice(2); /* line of b */
	return 0;
}

static const struct kernel_param_ops value_ops = { .set = set_value };
module_param_cb(value, &value_ops, NULL, 0200);
MODULE_PARM_DESC(value, "panic, or any other text");

static int __init covered_init(void)
{
	if (refuse)
		return -EINVAL; /* line of the refusal */
	return 0;
}

static void __exit covered_exit(void)
{
	value = 0; /* line of the exit */
}

module_init(covered_init);
module_exit(covered_exit);

MODULE_DESCRIPTION("Lines that tests reach");
MODULE_LICENSE("GPL");
