// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that works only on some kernels: it does not build before 5.11,
 * gives a wrong answer before 6.2, and crashes on a write to poke since 6.7.
 */
#include <linux/module.h>
#include <linux/version.h>

static int answer = LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0) ? 41 : 42;
module_param(answer, int, 0444);

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 11, 0)
int moody_symbol_of_no_kernel(void);
#else
static int moody_symbol_of_no_kernel(void)
{
	return 0;
}
#endif

static int poke(const char *value, const struct kernel_param *kp)
{
	pr_info("moody: poked: <b>%s</b>\n", value);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	*(volatile int *)8 = 1;
#endif
	return 0;
}

static const struct kernel_param_ops poke_ops = { .set = poke };
module_param_cb(poke, &poke_ops, NULL, 0200);

static int __init moody_init(void)
{
	pr_info("moody: hello from %d.%d\n", LINUX_VERSION_CODE >> 16, LINUX_VERSION_CODE >> 8 & 0xff);
	return moody_symbol_of_no_kernel();
}

static void __exit moody_exit(void)
{
}

module_init(moody_init);
module_exit(moody_exit);
MODULE_DESCRIPTION("a module that works only on some kernels");
MODULE_LICENSE("GPL");
