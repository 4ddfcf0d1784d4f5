// SPDX-License-Identifier: GPL-2.0-only
/* KUnit suites with results of all kinds. With the parameter "deadly", a case breaks the kernel. */

#include <kunit/test.h>
#include <linux/module.h>

static bool deadly;
module_param(deadly, bool, 0444);

static void suites_passes(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 2, 1 + 1);
}

static void suites_fails(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 3, 1 + 1);
}

static void suites_skips(struct kunit *test)
{
	kunit_skip(test, "there is no device");
}

static void suites_breaks(struct kunit *test)
{
	if (deadly)
		WRITE_ONCE(*(int *)NULL, 1);
}

static struct kunit_case first_cases[] = {
	KUNIT_CASE(suites_passes),
	KUNIT_CASE(suites_fails),
	KUNIT_CASE(suites_skips),
	{}
};

static struct kunit_case second_cases[] = {
	KUNIT_CASE(suites_passes),
	KUNIT_CASE(suites_breaks),
	{}
};

static struct kunit_suite first_suite = { .name = "first", .test_cases = first_cases };
static struct kunit_suite second_suite = { .name = "second", .test_cases = second_cases };

kunit_test_suites(&first_suite, &second_suite);
MODULE_DESCRIPTION("KUnit suites of the harness's tests");
MODULE_LICENSE("GPL");
