package trace

import (
	"strings"
	"sync"
)

// reason is the reason why a function is not the guilty one.
type reason string

const (
	reports  reason = "reports"  // it makes or starts the report
	traps    reason = "traps"    // it handles the exception
	timer    reason = "timer"    // the interrupt in which stalls are noticed
	arrives  reason = "arrives"  // an interrupt enters the kernel there
	checks   reason = "checks"   // it is part of one of the kernel's checks of itself
	enters   reason = "enters"   // assembly code on the way into the kernel, or a thunk
	sleeps   reason = "sleeps"   // it waits on behalf of its caller
	locks    reason = "locks"    // it takes or releases a lock for its caller
	memory   reason = "memory"   // it allocates, frees or copies memory for its caller
	helper   reason = "helper"   // it handles a string, bits, a list or a buffer of its caller
	service  reason = "service"  // it works on an object of its caller: a timer, a work item, a socket, a device
	idles    reason = "idles"    // it is how a processor waits for something to do
	dispatch reason = "dispatch" // it runs work of others: threads, work queues, timers
)

// uncertain reports whether a function that is skipped for the reason can still
// be the guilty one if there is no other.
func (r reason) uncertain() bool {
	return r == sleeps || r == locks || r == memory || r == helper || r == service || r == dispatch
}

// machinery is the table of functions that are skipped when the guilty function
// is looked for. name* is a prefix, *name* any part of a mangled Rust name.
var machinery = []row{
	{reports, `
		__dump_stack dump_stack* show_stack* __show_stack show_trace* show_regs* __show_regs* dump_trace dump_backtrace* unwind_backtrace* walk_stackframe
		arch_stack_walk stack_trace_* save_stack* __save_stack* save_trace show_registers dump_stack_print_info
		panic panic_* nmi_panic* vpanic __warn __warn_* warn_slowpath_* warn_alloc* warn_bogus_irq_restore warn_on_slowpath report_bug __report_bug
		handle_bug fixup_bug* bug_handler bug_brk_handler oops_* __oops_end die die_* __die* crash_kexec* machine_kexec*
		bad_stack* __bad_stack panic_bad_stack* handle_bad_stack handle_stack_overflow kernel_stack_overflow stack_overflow
		print_* __print_* printk* _printk vprintk* rust_helper_* rust_begin_unwind rust_panic* *rust_begin_unwind* *core9panicking*
		*6result13unwrap_failed* *6option13unwrap_failed* *6option13expect_failed*
		sched_show_task _sched_show_task show_state_filter dump_cpu_task dump_task* debug_show_all_locks show_workqueue* sysrq_handle_* __handle_sysrq
		spin_dump spin_bug rwlock_bug __spin_lockup __schedule_bug schedule_debug oom_kill* dump_header out_of_memory pagefault_out_of_memory
		rcu_dump_cpu_stacks* print_cpu_stall* print_other_cpu_stall* check_cpu_stall* rcu_check_gp_kthread_* rcu_stall_* rcu_gp_kthread rcu_gp_fqs* synchronize_rcu_expedited_wait*
		watchdog_* watchdog is_softlockup softlockup_* watchdog_timer_fn* trigger_all* trigger_single_cpu_backtrace trigger_cpumask_backtrace arch_trigger_* nmi_cpu_backtrace* nmi_trigger_*
		__perf_event_overflow perf_event_overflow check_hung_* hung_task_*
		check_panic_on_warn get_taint* add_taint* __panic assertfail usercopy_warn kmalloc_slab
		backtrace_* _sysrq_* assfail btrfs_assertfail __reiserfs_panic rcu_gp_slow rcu_gp_init rcu_gp_cleanup
		flat_send_IPI_* physflat_send_IPI_* x2apic_send_IPI_* default_send_IPI_* __default_send_IPI_* __x2apic_send_IPI_*`},
	{traps, `
		invalid_op do_invalid_op do_error_trap do_trap* do_int3 int3 do_general_protection general_protection do_page_fault __do_page_fault page_fault
		trace_page_fault trace_do_page_fault async_page_fault do_async_page_fault kvm_handle_async_pf __kvm_handle_async_pf kvm_async_pf_task_wait* exc_* asm_exc_* do_user_addr_fault do_kern_addr_fault
		handle_page_fault no_context __no_context page_fault_oops pgtable_bad kernelmode_fixup_or_oops __bad_area* bad_area* mm_fault_error spurious_fault spurious_kernel_fault*
		divide_error do_divide_error double_fault do_double_fault df_debug stack_segment do_stack_segment do_device_not_available do_debug debug_exception
		error_entry error_return error_code common_exception do_nmi default_do_nmi nmi nmi_handle* end_repeat_nmi first_nmi repeat_nmi nmi_restore
		ret_from_exception handle_exception do_DataAbort do_PrefetchAbort do_undefinstr __und_svc* __dabt_svc __pabt_svc __und_fault __dabt_usr arm_notify_die
		do_bad_area do_translation_fault do_mem_abort do_sp_pc_abort do_debug_exception do_el1_* do_el0_* el1_abort el1_undef el1_dbg el1_brk64 el1_da
		el1_ia el1_sync* el1_bti el1_inv el1_error* el1h_64_sync* el1h_64_error* el1t_64_* brk_handler brk64_handler call_break_hook call_el1_break_hook
		do_brk64 __do_kernel_fault __do_user_fault die_kernel_fault do_alignment_* do_kernel_fault do_serror arm64_serror_panic
		do_tag_check_fault do_bti reserved_fault do_sea bad_mode do_break handle_break do_cfi_failure report_cfi_failure* handle_cfi_failure
		program_check_exception* program_check_common* do_program_check bad_page_fault __bad_page_fault bad_kernel_fault data_access_common* data_access_slb_common*
		instruction_access_* ___do_page_fault hash__do_page_fault _exception* raise_signal* do_slb_fault do_bad_slb_fault unrecoverable_exception
		system_reset_* machine_check_* pgm_check_handler __do_pgm_check do_dat_exception do_protection_exception do_asce_exception
		do_no_context do_exception illegal_op monitor_event_exception do_report_trap kernel_trap
		__stack_chk_fail __fortify_panic fortify_panic __fortify_report usercopy_abort report_usercopy __cfi_slowpath* __cfi_check* cfi_*
		__panic_unhandled arm64_is_fatal_ras_serror el1_pc el1_fpac el1_mops el1_gcs do_tag_recovery do_ptrauth_fault do_cp15instr arm64_notify_die arm64_force_sig_fault do_bad reserved_fault_brk_handler
		kgdb_brk_fn kgdb_compiled_brk_fn kprobe_breakpoint_handler handle_kernel_stack_overflow handle_misaligned_* excp_vect_table addressing_exception specification_exception divide_exception data_exception operand_exception
		execute_exception privileged_op special_op_exception translation_specification_exception transaction_exception vector_exception space_switch_exception
		overflow_exception hfp_overflow_exception hfp_underflow_exception hfp_significance_exception hfp_divide_exception hfp_sqrt_exception do_fp_trap pgm_check handle_fault_error* do_fault_error do_low_address kernel_stack_invalid stack_invalid default_trap_handler
		do_secure_storage_* do_non_secure_storage_* mcck_int_handler s390_do_machine_check`},
	{arrives, `
		smp_apic_timer_interrupt_* smp_trace_apic_timer_interrupt_* apic_timer_interrupt trace_apic_timer_interrupt reschedule_interrupt trace_reschedule_interrupt call_function_interrupt
		call_function_single_interrupt irq_work_interrupt asm_sysvec_* asm_common_interrupt common_interrupt ret_from_intr el1_irq el1h_64_irq*
		el1h_64_fiq* __irq_svc ext_int_handler io_int_handler decrementer_common* hardware_interrupt_common* hypervisor_callback
		xen_hvm_callback_vector xen_do_hypervisor_callback handle_riscv_irq riscv_intc_irq riscv_intc_aia_irq generic_handle_arch_irq common_interrupt_return`},
	{timer, `
		rcu_check_callbacks rcu_sched_clock_irq* rcu_pending* __rcu_pending update_process_times tick_sched_handle* tick_sched_timer* tick_nohz_handler
		tick_nohz_highres_handler tick_nohz_lowres_handler tick_periodic tick_handle_periodic tick_do_* __run_hrtimer* __hrtimer_run_queues hrtimer_run_queues
		hrtimer_interrupt hrtimer_wakeup local_apic_timer_interrupt smp_apic_timer_interrupt smp_trace_apic_timer_interrupt smp_reschedule_interrupt smp_call_function_interrupt
		smp_call_function_single_interrupt smp_irq_work_interrupt
		sysvec_* __sysvec_*
		instr_sysvec_* common_interrupt_* do_IRQ __common_interrupt handle_irq handle_irq_event*
		generic_handle_* handle_domain_irq __handle_domain_irq handle_percpu_devid_irq handle_percpu_irq handle_fasteoi_irq handle_edge_irq handle_level_irq
		__handle_irq_event_percpu arch_timer_handler_* gic_handle_irq* __gic_handle_* gic_handle_* do_interrupt_handler el1_interrupt
		el1_fiq call_on_irq_stack call_with_stack riscv_timer_interrupt do_irq do_ext_irq do_io_irq
		timer_interrupt __do_irq __do_IRQ
		xen_evtchn_do_upcall __xen_evtchn_do_upcall __el1_irq handle_arch_irq handle_irq_desc handle_percpu_devid_fasteoi_ipi ipi_handler do_handle_IPI handle_IPI
		ipi_mux_process sbi_ipi_handle imsic_handle_irq plic_handle_irq do_irq_async do_ext_interrupt do_external_interrupt
		exiting_irq entering_irq __irqentry_text_start
		clock_comparator_work clock_comparator_interrupt do_ext_call_interrupt do_airq_interrupt do_cio_interrupt`},
	{checks, `
		kasan_* __kasan_* __asan_* __hwasan_* hwasan_* asan_* check_memory_region* memory_is_poisoned* check_region_inline kmsan_* __kmsan_* __msan_* kcsan_* __kcsan_* __tsan_* tsan_*
		kfence_* __kfence_* ubsan_* __ubsan_* handle_overflow handle_object_size_mismatch __sanitizer_* kcov_* write_comp_data check_kcov_mode should_fail* __should_fail* fail_dump should_failslab
		kmemleak_* create_object* __create_object* __link_object* delete_object* __delete_object find_and_remove_object* set_track* __set_track* set_alloc_info
		stack_depot_* depot_* page_owner_* __set_page_owner* __reset_page_owner*
		lock_acquire* lock_release* lock_is_held* lock_downgrade lock_set_* lock_pin_lock lock_unpin_lock __lock_acquire* __lock_release* __lock_is_held
		perf_trace_lock* hlock_class reacquire_held_locks validate_chain* check_prev_add* check_prevs_add* check_noncircular* check_deadlock* check_irq_usage* check_usage* check_path* check_flags* check_wait_context
		check_chain_key* check_lock_* mark_lock* mark_usage mark_held_locks* register_lock_class* look_up_lock_class assign_lock_key lockdep_* __lockdep_*
		debug_check_no_locks_* debug_locks_off trace_hardirqs_* trace_softirqs_* rcu_lockdep_* lock_sync lock_torture* __might_sleep ___might_sleep
		__might_resched might_sleep* might_fault __might_fault* might_alloc __cant_* check_preemption_disabled debug_smp_processor_id __this_cpu_preempt_check
		debug_object_* __debug_object_* debug_print_object* debug_check_no_obj_freed __debug_check_no_obj_freed debug_objects_* timer_is_static_object work_is_static_object*
		debug_timer_* init_timer_* timer_init_key debug_work_* debug_hrtimer_* debug_rcu_* debug_mutex_* debug_rt_mutex_* debug_spin_* debug_rwlock_* debug_write_* debug_read_* debug_dma_*
		object_err slab_err slab_bug slab_fix slab_pad_check slab_tracker* __slab_err check_object* check_bytes_and_report check_slab* check_valid_pointer on_freelist
		free_debug_processing alloc_debug_processing free_consistency_checks alloc_consistency_checks verify_redzone* slab_out_of_*
		bad_page* check_free_page* check_new_page* free_page_is_bad* __check_object_size* check_heap_object __check_heap_object check_stack_object check_page_span
		refcount_* __refcount_* __list_add_valid* __list_del_entry_valid* __list_valid_* check_data_corruption cet_* rcu_read_lock_* object_is_on_stack mte_check_tfsr_* mte_thread_switch
		msan_* qlist_free_all qlink_free`},
	{enters, `
		entry_* do_syscall_* x64_sys_call ia32_sys_call ret_fast_syscall ret_from_syscall* ret_from_sys_call* el0_* el0t_* invoke_syscall* __invoke_syscall
		do_el0_svc* system_call* __system_call __sys_trace* sysenter_* __do_fast_syscall_32 do_fast_syscall_32 do_SYSENTER_32 do_int80_* do_int_80* int_ret_from_sys_call
		tracesys* stub_* cstar_dispatch sysret_* syscall_return_* retint_* restore_regs* restore_args native_iret native_irq_return_iret irq_entries_start common_spurious
		__x86_indirect_* __x86_return_thunk __x86_retpoline_* retbleed_* srso_* __indirect_thunk* zen_untrain_ret its_return_thunk __SCT__* __SCK__*
		ret_from_fork* ret_from_kernel_* kernel_thread_helper kernel_init_helper secondary_startup* start_secondary_no_verify
		ftrace_caller* ftrace_call ftrace_regs_call* ftrace_regs_caller* ftrace_graph_caller return_to_handler kretprobe_trampoline* arch_rethook_trampoline
		do_trap_ecall_u system_call_exception system_call_vectored_common system_call_common __do_syscall ret_to_user*
		__pi_* bpf_dispatcher_nop_func __ret_from_fork syscall_handler do_syscall secondary_start_kernel __secondary_switched __primary_switched smp_callin secondary_start_sbi
		ftrace_graph_call ftrace_regs_entry ftrace_stub ftrace_return_to_handler __irqentry_text_end`},
	{service, `
		queue_work* __queue_work* queue_delayed_work* __queue_delayed_work insert_work* __virt_to_phys __phys_addr flush_work* __flush_work* flush_delayed_work flush_workqueue* __flush_workqueue drain_workqueue
		destroy_workqueue start_flush_work mod_delayed_work* __cancel_work* cancel_work* try_to_grab_pending work_grab_pending schedule_work* schedule_delayed_work*
		del_timer* try_to_del_timer_sync __try_to_del_timer_sync timer_delete* __timer_delete* timer_shutdown* mod_timer* __mod_timer add_timer* lock_timer_base* detach_timer detach_if_pending
		internal_add_timer enqueue_timer sk_stop_timer* sk_reset_timer hrtimer_start* hrtimer_cancel hrtimer_try_to_cancel __remove_hrtimer remove_hrtimer
		__wake_up* wake_up_* complete complete_all swake_up* kthread_stop kthread_park kthread_flush_work* kthread_queue_work tasklet_kill tasklet_unlock_* try_to_wake_up wake_q_add*
		call_rcu* __call_rcu* kfree_call_rcu kvfree_call_rcu kfree_rcu* __call_srcu call_srcu srcu_* __srcu_* cleanup_srcu_struct process_srcu_*
		kill_fasync* fasync_* send_sigio* pgrp_* ref_tracker_* debugfs_remove* simple_recursive_removal remove_proc_* proc_register proc_remove proc_create* proc_mkdir*
		sysfs_* kernfs_* internal_create_group* device_del device_add device_unregister device_register device_remove_* device_create* device_find_child device_for_each_child put_device get_device*
		kset_* klist_* devres_* release_nodes add_uevent_var bus_remove_device bus_add_device bus_for_each_* driver_detach driver_register
		usb_kill_* usb_poison_* usb_submit_urb usb_start_wait_urb usb_bulk_msg usb_control_msg* usb_free_urb usb_unlink_* usb_get_urb usb_hcd_* usb_anchor_*
		kfree_skb* __kfree_skb consume_skb skb_release_* kfree_skbmem sk_skb_reason_drop skb_free_* skb_clone skb_copy* pskb_expand_head skb_trim skb_dequeue* skb_queue_* skb_unlink __skb_* page_frag_* page_pool_*
		sk_destruct __sk_destruct __sk_free sk_free sk_common_release sock_hold sock_put lock_sock_nested lock_sock_fast* release_sock __release_sock sock_kmalloc sock_kfree* sock_wfree sock_rfree
		unregister_netdevice* rollback_registered* unregister_netdev* netif_napi_del* napi_disable* dev_put*
		iput iput_final evict dput fast_dput __dentry_kill dentry_kill shrink_* drop_nlink inc_nlink set_nlink clear_nlink mark_buffer_dirty* folio_unlock folio_mark_* folios_put_refs __filemap_fdatawait_range
		filemap_fdatawait_* filemap_write_and_wait* filemap_fdatawrite_* unlock_page end_page_writeback folio_end_* do_read_cache_* xas_* xa_* __xa_* radix_tree_* __radix_tree_* mas_* mt_* mtree_*
		rhashtable_* __rhashtable_* rht_* list_lru_* __list_lru_* pcpu_* percpu_ref_* percpu_counter_* __percpu_counter_* free_uid put_cred* __put_cred
		crc16* crc_itu_t crc_ccitt* crc8 crypto_* aes_* sha256_* sha1_* hex_dump_to_buffer va_format dev_vprintk_emit dev_printk* __dev_printk _dev_* netdev_printk __netdev_printk
		psi_* console_lock console_unlock console_flush_all console_trylock* register_console kobj_* unpin_user_* unpin_* ldsem_* seqcount_* __seqprop_* __local_bh_* local_bh_* _local_bh_* preempt_count_* kvm_async_pf_*
		notifier_call_chain* raw_notifier_* blocking_notifier_* atomic_notifier_* srcu_notifier_* nd_jump_link capable ns_capable*
		io_serial_* mem_serial_* mem32_serial_* wait_for_lsr wait_for_xmitr serial8250_console_* serial_port_in univ8250_console_write console_emit_* call_console_drivers
		umount_check d_walk do_one_tree check_unmap check_sync check_for_stack add_dma_entry dma_map_* dma_unmap_* __dma_map_* dma_alloc_* dma_free_*
		dma_pool_* dma_direct_* device_release __free_irq free_irq devm_free_irq enable_irq __enable_irq disable_irq* clk_core_* clk_enable clk_disable clk_prepare
		clk_unprepare regulator_* _regulator_* __ioremap_caller ioremap* check_flush_dependency devm_kfree devm_irq_release platform_device_put platform_device_unregister platform_device_del devm_release_action devm_remove_action
		unwind_next_frame __unwind_start unwind_get_return_address* orc_find regmap_mmio_*
		__vunmap vunmap* vm_unmap_* __purge_vmap_area_lazy simple_copy_to_iter copy_page_to_iter* __skb_datagram_iter csd_* current_time ktime_get* get_random_* prandom_* inode_init_* new_inode*`},
	{dispatch, `
		kthread kthread_worker_fn multi_cpu_stop cpu_stopper_thread worker_thread process_one_work process_scheduled_works rescuer_thread smpboot_thread_fn irq_thread irq_thread_fn
		__do_softirq do_softirq* __irq_exit_rcu irq_exit* invoke_softirq handle_softirqs run_ksoftirqd ksoftirqd run_timer_softirq __run_timers* __run_timer_base
		run_timer_base call_timer_fn* expire_timers* tasklet_action* tasklet_hi_action rcu_core* rcu_do_batch* rcu_process_callbacks rcu_cpu_kthread rcu_nocb_cb_kthread
		hrtimer_run_softirq call_on_stack* asm_call_* call_softirq run_irq_workd irq_work_run* irq_work_single irq_enter* task_work_run
		__do_softirq_own_stack ____do_softirq exit_to_user_mode_* exit_to_usermode_loop syscall_exit_to_user_mode* prepare_exit_to_usermode __syscall_exit_* irqentry_exit*
		__softirqentry_text_start __softirqentry_text_end efi_header_end _stext
		do_notify_resume do_work_pending work_pending work_notify_resume finish_ret_to_user __ret_to_user slow_work_pending*`},
	{idles, `
		do_idle cpu_startup_entry cpu_idle* arch_cpu_idle* default_idle* default_enter_idle cpuidle_* call_cpuidle* intel_idle* acpi_idle_* acpi_processor_ffh_* acpi_safe_halt psci_enter_*
		psci_cpu_suspend_enter cpu_do_idle poll_idle mwait_idle* native_safe_halt native_halt xen_safe_halt pv_native_safe_halt tdx_safe_halt
		power7_idle* power9_idle* pnv_enter_* snooze_loop* nap_loop* stop_loop* shared_cede_loop* dedicated_cede_loop* pseries_lpar_idle enabled_wait psw_idle* r4k_wait* __cpuidle_text_start`},
	{sleeps, `
		__schedule schedule schedule_* __preempt_schedule* preempt_schedule* ___preempt_schedule* __cond_resched* _cond_resched cond_resched* io_schedule*
		context_switch __switch_to* finish_task_switch* wait_for_completion* wait_for_common* __wait_for_common* do_wait_for_common __wait_for_completion*
		wait_on_bit* out_of_line_wait_* __wait_on_* wait_on_page_* bit_wait* folio_wait_* __folio_lock* __lock_page* lock_page wait_on_page_bit*
		prepare_to_wait* finish_wait wait_woken do_wait_intr* wait_event* __wait_event* autoremove_wake_function default_wake_function
		synchronize_* __synchronize_* rcu_barrier* _rcu_barrier* __wait_rcu_gp exp_funnel_lock cancel_delayed_work* msleep* usleep_range* swait_* prepare_to_swait*
		smp_call_function* smp_call_on_cpu csd_lock_wait __csd_lock_wait on_each_cpu* generic_exec_single __delay delay_tsc delay_mwait* delay_halt* delay_loop __const_udelay __udelay __ndelay udelay ndelay udelay_simple stop_machine_yield cpu_relax rep_nop
		__sched_text_start
		read_hpet pvclock_* kvm_clock_* native_sched_clock sched_clock* trace_clock_*`},
	{locks, `
		_raw_spin_* _raw_read_* _raw_write_* __raw_spin_* __raw_read_* __raw_write_* do_raw_spin_* do_raw_read_* do_raw_write_* _spin_* _read_lock* _write_lock* raw_spin_*
		spin_lock* spin_unlock* spin_trylock* read_lock* read_unlock* write_lock* write_unlock* queued_spin_* native_queued_* __pv_queued_* pv_wait* kvm_wait virt_spin_lock
		queued_read_* queued_write_* arch_spin_* ticket_spin_* __ticket_* osq_* mcs_spin_* mutex_* __mutex_* ww_mutex_* __ww_mutex_* atomic_dec_and_mutex_lock
		_atomic_dec_and_lock* down down_read* down_write* down_inter* down_kill* down_try* down_timeout __down* up up_read* up_write* __up* __up_read rwsem_* __rwsem_* call_rwsem_*
		rt_mutex_* __rt_mutex_* rt_spin_* rt_read_* rt_write_* rtlock_* rwbase_* rt_mutex_slowlock* percpu_down_* percpu_up_* __percpu_down_* __percpu_rwsem_*
		percpu_rwsem_* bit_spin_* local_lock* seqlock_* _mutex_* arch_read_lock_wait arch_write_lock_wait arch_vcpu_is_preempted __lock_text_start rtnl_lock* rtnl_trylock rtnl_unlock __rtnl_unlock`},
	{memory, `
		kmalloc* __kmalloc* ___kmalloc* __do_kmalloc* kzalloc* kcalloc* krealloc* __krealloc* kvmalloc* __kvmalloc* kvzalloc* kvcalloc* kvrealloc* kmem_cache_* __kmem_cache_* slab_alloc*
		slab_free* __slab_alloc* ___slab_alloc* __slab_free* slab_post_alloc_hook slab_pre_alloc_hook do_slab_free cache_alloc* cache_free* __cache_* ____cache_* ___cache_*
		free_to_partial_list allocate_slab* new_slab* alloc_slab* kfree kfree_const kfree_sensitive kzfree kvfree* __kfree* free_large_kmalloc free_slab* discard_slab __free_slab* kmem_rcu_free
		vmalloc* __vmalloc* vzalloc* vfree* __vfree* remove_vm_area find_vm_area alloc_pages* __alloc_pages* alloc_page* __alloc_frozen_* alloc_frozen_*
		get_page_from_freelist* prep_new_page* post_alloc_hook* __get_free_page* get_free_pages* get_zeroed_page* free_pages* __free_pages* free_page* __free_page* free_pcp* free_unref_*
		free_frozen_* __free_frozen_* free_one_page __free_one_page free_the_page free_compound_page free_contig_* __free_one* folio_alloc* __folio_alloc* rmqueue* __rmqueue*
		__put_page put_page __folio_put folio_put release_pages kmemdup* kstrdup* kmemdup_nul memdup_user* vmemdup_user strndup_user mempool_* pcpu_alloc* __alloc_percpu* free_percpu
		copy_from_user* copy_to_user* _copy_from_user* _copy_to_user* __copy_from_user* __copy_to_user* raw_copy_* _inline_copy_* copy_user_* __copy_user* __arch_copy_* copyin copyout
		__copy_tofrom_user* _copy_to_iter* _copy_from_iter* copy_to_user_iter strncpy_from_user* do_strncpy_from_user strnlen_user* get_user* put_user* __get_user* __put_user*
		rep_movs_alternative rep_stos_alternative __clear_user clear_user* __asm_copy_* copy_from_iter* kernel_init_free_pages kernel_init_pages fallback_scalar_usercopy* mte_clear_page_tags mte_copy_page_tags`},
	{helper, `
		memcpy* memset* memmove* memcmp* memchr* memscan memcpy_* __memcpy* __memset* __memmove* __memcmp strlen strnlen strcmp strncmp strcpy strncpy strlcpy strlcat strscpy* strcat
		strncat strchr* strrchr strnchr strstr strnstr strcasecmp strncasecmp strsep strpbrk strspn strcspn strim sized_strscpy __strlen string string_nocheck
		vsnprintf vscnprintf snprintf scnprintf sprintf vsprintf kvasprintf* kasprintf pointer format_decode number hex_string bitmap_* __bitmap_*
		find_first_* find_next_* find_last_bit _find_* __find_* __sw_hweight* hweight* test_bit set_bit clear_bit change_bit test_and_* __test_* __set_bit __clear_bit variable_test_bit
		constant_test_bit arch_test_bit arch_set_bit arch_clear_bit _test_bit generic_test_bit const_test_bit atomic_* atomic64_* atomic_long_* arch_atomic* raw_atomic* instrument_* __arch_atomic* __read_once_size
		__write_once_size read_word_at_a_time rb_* __rb_* __list_add __list_del* list_add* list_del* list_empty* list_move* list_splice* hlist_* __hlist_* llist_* plist_* timerqueue_*
		skb_put skb_push skb_pull __skb_put __skb_push __skb_pull skb_panic skb_over_panic skb_under_panic kref_* kobject_* ida_* idr_* crc32* checksum csum_partial* do_csum ip_fast_csum
		get_unaligned* put_unaligned* __get_unaligned* __put_unaligned* clear_page* copy_page* copy_highpage* fls ffs __fls __ffs`},
}

// names is the table by full names, prefixes (by their first two bytes) and parts.
type names struct {
	full   map[string]reason
	prefix map[string][]string
	why    map[string]reason // of prefixes
	parts  []string
}

// row is a row of a table of functions.
type row struct {
	why       reason
	functions string
}

func newNames(table []row) names {
	n := names{full: map[string]reason{}, prefix: map[string][]string{}, why: map[string]reason{}}
	for _, row := range table {
		for name := range strings.FieldsSeq(row.functions) {
			prefix, isPrefix := strings.CutSuffix(name, "*")
			part, isPart := strings.CutPrefix(prefix, "*")
			switch {
			case isPart && isPrefix:
				n.parts = append(n.parts, part)
			case isPrefix:
				n.prefix[prefix[:2]] = append(n.prefix[prefix[:2]], prefix)
				n.why[prefix] = row.why
			default:
				n.full[name] = row.why
			}
		}
	}
	return n
}

var machineryNames = sync.OnceValue(func() names { return newNames(machinery) })

// skipped returns why a function is skipped, or "" if it is not.
func skipped(function string) reason { return machineryNames().find(function) }

// find returns the reason in a function's row, or "".
func (n names) find(function string) reason {
	if i := strings.IndexByte(function, '.'); i > 0 {
		function = function[:i]
	}
	if why, ok := n.full[function]; ok {
		return why
	}
	if len(function) > 1 {
		for _, prefix := range n.prefix[function[:2]] {
			if strings.HasPrefix(function, prefix) {
				return n.why[prefix]
			}
		}
	}
	if strings.HasPrefix(function, "_R") { // Rust's mangled names
		for _, part := range n.parts {
			if strings.Contains(function, part) {
				return reports
			}
		}
	}
	return ""
}

// Reports reports whether a function belongs to the report of a fault, or to the way from
// the processor's exception to it, rather than to what the kernel was doing.
func Reports(function string) bool {
	switch skipped(function) {
	case reports, traps, timer, arrives, checks, enters:
		return true
	}
	return false
}

// resumesAt reports whether the code of an exception or an interrupt goes on at the next
// frame of a trace: it is an instruction and no return address. On x86, a line of its own
// names that instruction.
func resumesAt(function string) bool {
	switch function {
	case "el1_irq", "el1_sync", "el1_error", "el1h_64_irq", "el1h_64_fiq", "el1h_64_sync", "el1h_64_error", // arm64
		"handle_exception", "ret_from_exception", "excp_vect_table", // riscv
		"ext_int_handler", "io_int_handler", "pgm_check_handler", "mcck_int_handler": // s390
		return true
	}
	return false
}
