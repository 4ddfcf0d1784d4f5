/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * socketopt: short messages between user space and the kernel, exchanged with
 * setsockopt(2) and getsockopt(2) at level IPPROTO_IP.
 *
 * A process needs a socket that passes unknown IPPROTO_IP options to netfilter:
 * an IPv4 or IPv6 socket of UDP, UDP-Lite, TCP, ping or SCTP, or an IPv4 raw
 * socket. The network namespace of that socket determines the message, the
 * counters and the required capability. A new namespace starts with an empty
 * message and with counters of 0.
 *
 * setsockopt(SOCKET_OPS_SET) stores a message of 0 to SOCKET_OPS_MSG_MAX bytes
 * of any value. It replaces the stored message as a whole: a reader sees the
 * old message or the new one. An empty message needs no buffer. The caller
 * needs CAP_NET_ADMIN in the user namespace that owns the network namespace.
 * Errors:
 *
 *   EPERM   the capability is missing; this is checked before anything else
 *   EINVAL  the message is longer than SOCKET_OPS_MSG_MAX
 *   EFAULT  part of the message cannot be read
 *
 * A set that fails does not change the stored message.
 *
 * getsockopt() copies min(*optlen, size of the answer) bytes and writes their
 * number to *optlen. If *optlen is 0, it does not access the buffer. Answers:
 *
 *   SOCKET_OPS_GET    the kernel's greeting, "--------kernel---------" and its
 *                     NUL, 24 bytes; requires no capability
 *   SOCKET_OPS_LAST   the message stored last, as it was stored
 *   SOCKET_OPS_STATS  struct socketopt_stats
 *
 * Errors:
 *
 *   EPERM   SOCKET_OPS_LAST and SOCKET_OPS_STATS require the same capability as
 *           a set
 *   EFAULT  part of the bytes to copy cannot be written to the buffer, or
 *           *optlen cannot be read or written
 *
 * A negative length fails with EINVAL. Any other command fails with
 * ENOPROTOOPT, and so does a set of SOCKET_OPS_LAST or SOCKET_OPS_STATS.
 *
 * The module parameter "base" moves the whole block: a command's number is then
 * base + (SOCKET_OPS_x - SOCKET_OPS_BASE).
 */
#ifndef _UAPI_SOCKETOPT_H
#define _UAPI_SOCKETOPT_H

#include <linux/types.h>

#define SOCKET_OPS_BASE		(128 + 10000)

#define SOCKET_OPS_SET		SOCKET_OPS_BASE
#define SOCKET_OPS_GET		SOCKET_OPS_BASE
#define SOCKET_OPS_LAST		(SOCKET_OPS_BASE + 1)
#define SOCKET_OPS_STATS	(SOCKET_OPS_BASE + 2)

#define SOCKET_OPS_MSG_MAX	64

/**
 * struct socketopt_stats - counters of one network namespace
 * @sets:      messages stored
 * @gets:      successful gets, of any command
 * @set_bytes: bytes of all messages stored
 * @get_bytes: bytes copied out by all successful gets
 * @rejected:  sets and gets that the module failed with an error, including
 *             EPERM
 *
 * Every call that reaches the module is counted once: in @sets, in @gets or in
 * @rejected. Calls that the kernel rejects before they reach the module
 * (ENOPROTOOPT, a negative length, an unreadable *optlen) are not counted. A
 * get is counted as successful once its bytes are copied, even if the kernel
 * then cannot write *optlen.
 *
 * The counters are exact, and a get returns a consistent snapshot of them.
 * The answer to SOCKET_OPS_STATS does not count that get itself.
 */
struct socketopt_stats {
	__u64 sets;
	__u64 gets;
	__u64 set_bytes;
	__u64 get_bytes;
	__u64 rejected;
};

#endif /* _UAPI_SOCKETOPT_H */
