// SPDX-License-Identifier: GPL-2.0-only
/*
 * Error paths. With WALKED_ERRORS each has an error. What is written to /dev/walked
 * chooses one of the paths; the last one is that of the load.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#ifdef WALKED_ERRORS
#define HAS_ERRORS 1
#else
#define HAS_ERRORS 0
#endif

struct item {
	int users;
	char name[60];
};

static DEFINE_MUTEX(items_lock);
static char *journal;

static noinline int leak(void)
{
	struct item *a, *b;

	a = kmalloc(sizeof(*a), GFP_KERNEL); /* is leaked */
	if (!a)
		return -ENOMEM;
	b = kmalloc(sizeof(*b), GFP_KERNEL);
	if (!b) {
		if (!HAS_ERRORS)
			kfree(a);
		return -ENOMEM;
	}
	kfree(b);
	kfree(a);
	return 0;
}

static noinline int release_twice(void)
{
	struct item *a, *b;
	int err = 0;

	a = kmalloc(sizeof(*a), GFP_KERNEL); /* is released twice */
	if (!a)
		return -ENOMEM;
	b = kmalloc(sizeof(*b), GFP_KERNEL);
	if (!b) {
		err = -ENOMEM;
		if (HAS_ERRORS)
			kfree(a);
	}
	kfree(b);
	kfree(a);
	return err;
}

static noinline int stay_locked(void)
{
	struct item *a;

	mutex_lock(&items_lock); /* is not unlocked */
	a = kmalloc(sizeof(*a), GFP_KERNEL);
	if (!a) {
		if (!HAS_ERRORS)
			mutex_unlock(&items_lock);
		return -ENOMEM;
	}
	kfree(a);
	mutex_unlock(&items_lock);
	return 0;
}

static noinline int return_wrong(void)
{
	char *name = kstrdup("name", GFP_KERNEL); /* has another error */

	if (!name)
		return HAS_ERRORS ? -EINVAL : -ENOMEM;
	kfree(name);
	return 0;
}

static noinline int use_released(void)
{
	struct item *a, *b;
	int err = 0;

	a = kzalloc(sizeof(*a), GFP_KERNEL); /* is used after its release */
	if (!a)
		return -ENOMEM;
	b = kmalloc(sizeof(*b), GFP_KERNEL);
	if (!b) {
		err = -ENOMEM;
		if (HAS_ERRORS) {
			kfree(a);
			WRITE_ONCE(a->users, -1);
			return err;
		}
	}
	kfree(b);
	kfree(a);
	return err;
}

static noinline int use_missing(void)
{
	struct item *a, *b;

	a = kmalloc(sizeof(*a), GFP_KERNEL); /* is not checked */
	if (!a && !HAS_ERRORS)
		return -ENOMEM;
	WRITE_ONCE(a->users, 1);
	b = kmalloc(sizeof(*b), GFP_KERNEL);
	kfree(a);
	if (!b)
		return -ENOMEM;
	kfree(b);
	return 0;
}

static ssize_t walked_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	char text[16] = "";
	int err;

	if (size >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, from, size)) /* the copy */
		return -EFAULT;
	if (!strcmp(text, "leak"))
		err = leak();
	else if (!strcmp(text, "twice"))
		err = release_twice();
	else if (!strcmp(text, "lock"))
		err = stay_locked();
	else if (!strcmp(text, "errno"))
		err = return_wrong();
	else if (!strcmp(text, "released"))
		err = use_released();
	else if (!strcmp(text, "missing"))
		err = use_missing();
	else
		err = -EINVAL;
	return err ?: size;
}

static const struct file_operations walked_operations = {
	.owner = THIS_MODULE,
	.write = walked_write,
};

static struct miscdevice walked_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "walked",
	.fops = &walked_operations,
};

static int __init walked_init(void)
{
	int err;

	err = misc_register(&walked_device); /* stays registered */
	if (err)
		return err;
	journal = kmalloc(100, GFP_KERNEL); /* the journal */
	if (!journal) {
		if (!HAS_ERRORS)
			misc_deregister(&walked_device);
		return -ENOMEM;
	}
	return 0;
}

static void __exit walked_exit(void)
{
	kfree(journal);
	misc_deregister(&walked_device);
}

module_init(walked_init);
module_exit(walked_exit);

MODULE_DESCRIPTION("Error paths, with an error in each if that is wanted");
MODULE_LICENSE("GPL");
