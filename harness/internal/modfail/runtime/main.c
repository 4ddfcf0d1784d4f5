// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes calls fail that modules under test make. A command is a text that is written to
 * the parameter command:
 *
 *   begin N   a step begins: of the calls of this thread, the N-th fails; 0 for none
 *   calls     no later call is counted
 *   check     reports what the modules hold, and what they have done wrong
 *   end       the step ends
 *
 * The parameter report has the results. Each read returns the next lines:
 *
 *   call NAME ERROR PLACE        a call that was counted; ERROR is what a failure means
 *   failed NUMBER                  the call that was made to fail
 *   check                          a check begins
 *   held CLASS of NAME at PLACE  something that a module holds at the check
 *   left CLASS of NAME at PLACE  something that a module held when it was unloaded
 *   bad TEXT                       an error of a module
 *   full                           there was more than could be noted
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "fail.h"

#define CALLS		"kmodtest_fail_calls" /* the symbol of a module */
#define MAX_MODULES	64
#define MAX_CALLS	2000 /* in the report */

static struct task_struct *walker;	/* whose calls are counted, or NULL */
static unsigned int fail_at, calls;	/* of the walker; only it uses them */
static bool step;			/* between begin and end */
static DEFINE_MUTEX(command_lock);

/* place_of writes the source line of a call, or the function. */
void place_of(const struct site *site, unsigned long address, char *text)
{
	const struct module_calls *m = site->module;
	u64 i;

	for (i = 0; i < m->places; i++) {
		if (m->place[i].address == address) {
			strscpy(text, m->place[i].text, PLACE_SIZE);
			return;
		}
	}
	snprintf(text, PLACE_SIZE, "%ps", (void *)(address - 1));
	strreplace(text, ' ', '_');
}

static int error_of(const struct site *site)
{
	switch (site->failure) {
	case FAIL_NULL:
		return -ENOMEM;
	case FAIL_BYTES:
		return -EFAULT;
	default:
		return -(int)site->error;
	}
}

static unsigned long failure_of(const struct call *call)
{
	switch (call->site->failure) {
	case FAIL_NULL:
		return 0;
	case FAIL_BYTES:
		return call->argument[call->site->error];
	default:
		return -(long)call->site->error;
	}
}

/* must_fail counts a call of the walker. */
static bool must_fail(const struct call *call)
{
	char place[PLACE_SIZE];

	if (READ_ONCE(walker) != current || !in_task() || call->site->failure < FAIL_NULL)
		return false;
	if (++calls <= MAX_CALLS) {
		place_of(call->site, call->address, place);
		report_line("call %s %d %s", call->site->name, -error_of(call->site), place);
	}
	if (calls != fail_at)
		return false;
	report_line("failed %u", calls);
	return true;
}

/* kmodtest_fail_before decides what becomes of a call. */
int kmodtest_fail_before(struct call *call)
{
	if (!READ_ONCE(step))
		return ACTION_GO;
	if (must_fail(call)) {
		call->result = failure_of(call);
		return ACTION_RETURN;
	}
	switch (call->site->holding) {
	case HOLDS:
	case EXCHANGES:
		return ACTION_FOLLOW;
	case RELEASES:
		call->result = 0;
		return held_before(call) ? ACTION_RETURN : ACTION_GO;
	}
	return ACTION_GO;
}

/* kmodtest_fail_after sees the result of a call. */
void kmodtest_fail_after(struct call *call)
{
	held_after(call);
}

/* follow is a loaded module whose calls come to us. */
static struct follow {
	struct module *mod;	/* NULL if it is unused */
	struct module_calls *calls;
} follow[MAX_MODULES];
static DEFINE_MUTEX(follow_lock);

static struct follow *find_follow(const struct module *mod)
{
	unsigned int i;

	for (i = 0; i < MAX_MODULES; i++)
		if (follow[i].mod == mod)
			return &follow[i];
	return NULL;
}

static struct module_calls *find_calls(struct module *mod)
{
	const struct mod_kallsyms *symbols = rcu_dereference_protected(mod->kallsyms, true);
	unsigned int i;

	for (i = 0; i < symbols->num_symtab; i++) {
		const typeof(*symbols->symtab) *sym = &symbols->symtab[i];

		if (!strcmp(symbols->strtab + sym->st_name, CALLS))
			return (struct module_calls *)sym->st_value;
	}
	return NULL;
}

/* module_comes makes the calls of a module come to us. */
static void module_comes(struct module *mod)
{
	struct module_calls *m = find_calls(mod);
	struct follow *f = find_follow(NULL);

	if (!m)
		return;
	if (!f) {
		pr_warn("%s: there are too many modules\n", mod->name);
		return;
	}
	f->mod = mod;
	f->calls = m;
	__module_get(THIS_MODULE); /* its code refers to us */
	WRITE_ONCE(m->hook, kmodtest_fail_entry);
}

static void module_goes(struct module *mod)
{
	struct follow *f = find_follow(mod);

	if (!f)
		return;
	held_leave(f->calls);
	f->mod = NULL;
	module_put(THIS_MODULE);
}

static int module_changes(struct notifier_block *block, unsigned long state, void *mod)
{
	mutex_lock(&follow_lock);
	if (state == MODULE_STATE_COMING)
		module_comes(mod);
	else if (state == MODULE_STATE_GOING)
		module_goes(mod);
	mutex_unlock(&follow_lock);
	return NOTIFY_OK;
}

/* Other notifiers may call code of the module. */
static struct notifier_block module_notifier = {
	.notifier_call = module_changes,
	.priority = INT_MIN,
};

static int begin(const char *text)
{
	unsigned int n;

	if (step)
		return -EBUSY;
	if (kstrtouint(text, 10, &n))
		return -EINVAL;
	report_clear();
	held_begin();
	fail_at = n;
	calls = 0;
	WRITE_ONCE(step, true);
	WRITE_ONCE(walker, current);
	return 0;
}

static int set_command(const char *text, const struct kernel_param *kp)
{
	int err = 0;

	mutex_lock(&command_lock);
	if (!strncmp(text, "begin ", 6)) {
		err = begin(text + 6);
	} else if (!step) {
		err = -ESRCH;
	} else if (sysfs_streq(text, "calls")) {
		WRITE_ONCE(walker, NULL);
	} else if (sysfs_streq(text, "check")) {
		held_check();
	} else if (sysfs_streq(text, "end")) {
		WRITE_ONCE(walker, NULL);
		WRITE_ONCE(step, false);
		held_end();
	} else {
		err = -EINVAL;
	}
	mutex_unlock(&command_lock);
	return err;
}

static const struct kernel_param_ops command_ops = { .set = set_command };
module_param_cb(command, &command_ops, NULL, 0200);
MODULE_PARM_DESC(command, "what to do next");

static int get_report(char *to, const struct kernel_param *kp)
{
	return report_read(to, PAGE_SIZE - 1);
}

static const struct kernel_param_ops report_ops = { .get = get_report };
module_param_cb(report, &report_ops, NULL, 0400);
MODULE_PARM_DESC(report, "the next lines of the results");

static int __init fail_init(void)
{
	int err;

	BUILD_BUG_ON(sizeof(struct site) != 56);
	BUILD_BUG_ON(offsetof(struct site, go) != 8);
	BUILD_BUG_ON(sizeof(struct call) != 72);
	err = report_init();
	if (err)
		return err;
	err = held_init();
	if (err)
		goto exit_report;
	err = register_module_notifier(&module_notifier);
	if (err)
		goto exit_held;
	return 0;

exit_held:
	held_exit();
exit_report:
	report_exit();
	return err;
}

static void __exit fail_exit(void)
{
	unregister_module_notifier(&module_notifier);
	held_exit();
	report_exit();
}

module_init(fail_init);
module_exit(fail_exit);

MODULE_DESCRIPTION("Makes calls of modules under test fail, for kmodtest");
MODULE_LICENSE("GPL");
