/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef KMODTEST_GCOV_H
#define KMODTEST_GCOV_H

/*
 * gcc's code refers to these. The kernel calls only __gcov_init, and only if it calls
 * constructors of modules.
 */
void __gcov_init(void *info);
void __gcov_exit(void);
void __gcov_merge_add(void *counters, unsigned int n);

#endif
