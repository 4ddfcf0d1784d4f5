package trace

import "sync"

// relays are general parts of the kernel that call the function of a driver, a protocol or
// a file system. name* is a prefix.
const relays = `
	vfs_read* vfs_write* vfs_ioctl vfs_iter_* __vfs_read* __vfs_write* __kernel_read* __kernel_write* kernel_read* kernel_write* new_sync_* do_iter_* iter_file_splice_write do_splice*
	do_vfs_ioctl ksys_ioctl ksys_read ksys_write do_readv do_writev do_preadv do_pwritev vfs_readv vfs_writev compat_writev compat_readv do_compat_* __fput ____fput io_issue_sqe
	SyS_read SyS_write SyS_ioctl compat_SyS_ioctl compat_SyS_writev compat_SyS_sendmsg __ia32_compat_sys_ioctl __x64_sys_ioctl __ia32_sys_ioctl __arm64_sys_ioctl __arm64_compat_sys_ioctl __riscv_sys_ioctl __s390x_sys_ioctl __se_sys_ioctl __do_sys_ioctl blkdev_ioctl compat_blkdev_ioctl do_dentry_open mmap_region do_mmap __do_fault do_fault* handle_mm_fault __handle_mm_fault __sys_sendmsg ___sys_sendmsg ____sys_sendmsg sock_sendmsg* __sock_sendmsg sock_write_iter sock_recvmsg* sock_read_iter ____sys_recvmsg
	sock_common_* __sys_sendto __sys_setsockopt do_sock_setsockopt __sys_getsockopt do_sock_getsockopt inet_sendmsg inet6_sendmsg inet_recvmsg inet6_recvmsg
	netlink_unicast* netlink_sendmsg netlink_rcv_skb netlink_dump __netlink_dump_start rtnetlink_rcv* genl_rcv* genl_family_rcv_msg* nfnetlink_rcv*
	__netif_receive_skb* netif_receive_skb* process_backlog __napi_poll napi_poll net_rx_action napi_gro_* gro_normal_* napi_complete* tun_rx_batched*
	do_one_initcall do_initcall* kernel_init* do_init_module load_module cpu_startup_entry do_idle
	do_exit do_group_exit get_signal do_signal arch_do_signal*`

const relay reason = "relay"

var relayNames = sync.OnceValue(func() names { return newNames([]row{{relay, relays}}) })

// isRelay reports whether a function is one of relays.
func isRelay(function string) bool { return relayNames().find(function) == relay }
