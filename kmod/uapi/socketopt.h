/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * socketopt: short messages between user space and the kernel, carried by
 * setsockopt(2) and getsockopt(2) at level IPPROTO_IP.
 *
 * A process needs a socket that hands unknown IPPROTO_IP options down to
 * netfilter: UDP, UDP-Lite, TCP, ping or SCTP, of IPv4 or IPv6, or raw of IPv4.
 * The message, the counters and the rights all belong to the network namespace
 * of that socket. A new namespace starts with an empty message and with
 * counters of 0.
 *
 * setsockopt(SOCKET_OPS_SET) stores a message of 0 to SOCKET_OPS_MSG_MAX bytes
 * of any value. It replaces the stored message as a whole: a reader sees the
 * old one or the new one. An empty message needs no buffer. The caller needs
 * CAP_NET_ADMIN in the user namespace that owns the network namespace.
 *
 *   EPERM   the capability is missing; nothing else has been looked at
 *   EINVAL  the message is longer than SOCKET_OPS_MSG_MAX
 *   EFAULT  the message cannot be read to its end
 *
 * A set that fails leaves the stored message as it is.
 *
 * getsockopt() copies min(*optlen, size of the answer) bytes and writes their
 * number to *optlen. With *optlen 0 the buffer is not touched. It answers
 *
 *   SOCKET_OPS_GET    with the kernel's greeting, "--------kernel---------" and
 *                     its NUL, 24 bytes; anyone may ask
 *   SOCKET_OPS_LAST   with the message stored last, as it was stored
 *   SOCKET_OPS_STATS  with struct socketopt_stats
 *
 *   EPERM   SOCKET_OPS_LAST and SOCKET_OPS_STATS need the same capability as a
 *           set
 *   EFAULT  the buffer cannot be written to the end of what is to be copied, or
 *           *optlen cannot be read or written
 *
 * A negative length is EINVAL. The numbers above end the module's ranges: any
 * other command, or setting one that can only be read, is ENOPROTOOPT.
 *
 * The module's parameter "base" moves the whole block: a command's number is
 * then base + (SOCKET_OPS_x - SOCKET_OPS_BASE).
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
 * struct socketopt_stats - what happened in one network namespace
 * @sets:      messages stored
 * @gets:      gets answered, of any command
 * @set_bytes: bytes of all messages stored
 * @get_bytes: bytes copied out by all gets answered
 * @rejected:  sets and gets that the module answered with an error, EPERM
 *             included
 *
 * Every call that reaches the module counts once: in @sets, in @gets or in
 * @rejected. Calls that the kernel refuses before the module sees them
 * (ENOPROTOOPT, a negative length, an unreadable *optlen) count nowhere. A get
 * counts as answered once its bytes are copied, even where the kernel cannot
 * write *optlen afterwards.
 *
 * The counters are exact, and taken at one moment. SOCKET_OPS_STATS hands out
 * what they were before it counts itself.
 */
struct socketopt_stats {
	__u64 sets;
	__u64 gets;
	__u64 set_bytes;
	__u64 get_bytes;
	__u64 rejected;
};

#endif /* _UAPI_SOCKETOPT_H */
