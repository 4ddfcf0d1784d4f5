// SPDX-License-Identifier: GPL-2.0-only
#include <linux/ctype.h>
#include <linux/errno.h>
#include <linux/minmax.h>

#include "counted.h"

#define IS_SIGN(c) ((c) == '+' || (c) == '-')

static noinline int counted_digit(char c)
{
	return c - '0';
}

/* counted_never is not called. */
int counted_never(int n);
int counted_never(int n)
{
	return n ? counted_digit('1') : counted_digit('2');
}

/* counted_sum adds numbers: "1+22-3". */
int counted_sum(const char *text, size_t len)
{
	int sum = 0, number = 0, sign = 1;
	size_t i;

	for (i = 0; i < len; i++) {
		switch (text[i]) {
		case '0' ... '9':
			number = 10 * number + counted_digit(text[i]);
			break;
		case '+':
		case '-':
			sum += sign * number;
			number = 0;
			sign = text[i] == '-' ? -1 : 1;
			break;
		case '\n':
			goto out;
		default:
			return -EINVAL;
		}
		if (i > 0 && IS_SIGN(text[i]) && IS_SIGN(text[i - 1]))
			return -ERANGE;
	}
out:
	return counted_limit(sum + sign * number);
}
