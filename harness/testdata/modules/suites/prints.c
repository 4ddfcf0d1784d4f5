// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that writes results of suites to the kernel log while it is loaded, as KUnit does,
 * on kernels without KUnit. With the parameter "deadly" it breaks the kernel in the middle.
 */
#include <linux/module.h>
#include <linux/printk.h>

static bool deadly;
module_param(deadly, bool, 0444);

static int __init prints_init(void)
{
	pr_info("KTAP version 1\n");
	pr_info("1..2\n");
	pr_info("    KTAP version 1\n");
	pr_info("    # Subtest: first\n");
	pr_info("    # module: prints\n");
	pr_info("    1..3\n");
	pr_info("    ok 1 passes\n");
	pr_err("    # fails: EXPECTATION FAILED at prints.c:1\n");
	pr_info("    not ok 2 fails\n");
	pr_info("    ok 3 skips # SKIP there is no device\n");
	pr_info("# first: pass:1 fail:1 skip:1 total:3\n");
	pr_info("not ok 1 first\n");
	pr_info("    KTAP version 1\n");
	pr_info("    # Subtest: second\n");
	pr_info("    1..2\n");
	pr_info("    ok 1 passes\n");
	if (deadly)
		WRITE_ONCE(*(int *)NULL, 1);
	pr_info("    ok 2 breaks\n");
	pr_info("ok 2 second\n");
	return 0;
}

static void __exit prints_exit(void)
{
}

module_init(prints_init);
module_exit(prints_exit);
MODULE_DESCRIPTION("a module of the harness's tests");
MODULE_LICENSE("GPL");
