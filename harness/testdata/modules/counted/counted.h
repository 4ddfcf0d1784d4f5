/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef COUNTED_H
#define COUNTED_H

#include <linux/types.h>

/* counted_limit is compiled in both objects. */
static inline int counted_limit(int n)
{
	if (n < 0)
		return 0;
	return n > 100 ? 100 : n;
}

int counted_sum(const char *text, size_t len);

#endif
