// SPDX-License-Identifier: GPL-2.0-only
/* A device that leaks what is written to it: "cache", "vmalloc", "kmalloc" or "reference". */

#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

struct leaky_item {
	char bytes[1000];
};

static struct kmem_cache *leaky_cache;

static void leaky_constructor(void *item)
{
	memset(item, 0, sizeof(struct leaky_item)); /* with a constructor, the cache is not merged */
}

static noinline bool leaky_take(const char *what)
{
	if (!strcmp(what, "cache"))
		return kmem_cache_alloc(leaky_cache, GFP_KERNEL);
	if (!strcmp(what, "vmalloc"))
		return vmalloc(3 * PAGE_SIZE);
	if (!strcmp(what, "kmalloc"))
		return kmalloc(sizeof(struct leaky_item), GFP_KERNEL);
	if (!strcmp(what, "reference"))
		return try_module_get(THIS_MODULE);
	kmem_cache_free(leaky_cache, kmem_cache_alloc(leaky_cache, GFP_KERNEL));
	vfree(vmalloc(3 * PAGE_SIZE));
	kfree(kmalloc(sizeof(struct leaky_item), GFP_KERNEL));
	return true;
}

static ssize_t leaky_write(struct file *file, const char __user *user, size_t len, loff_t *pos)
{
	char what[16] = {};

	if (copy_from_user(what, user, min(len, sizeof(what) - 1)))
		return -EFAULT;
	return leaky_take(what) ? len : -ENOMEM;
}

static const struct file_operations leaky_operations = {
	.owner = THIS_MODULE,
	.write = leaky_write,
};

static struct miscdevice leaky_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "leaky",
	.fops = &leaky_operations,
};

static int __init leaky_init(void)
{
	int err;

	leaky_cache = kmem_cache_create("leaky_items", sizeof(struct leaky_item), 0, 0, leaky_constructor);
	if (!leaky_cache)
		return -ENOMEM;
	err = misc_register(&leaky_device);
	if (err)
		kmem_cache_destroy(leaky_cache);
	return err;
}

static void __exit leaky_exit(void)
{
	misc_deregister(&leaky_device);
	kmem_cache_destroy(leaky_cache);
}

module_init(leaky_init);
module_exit(leaky_exit);
MODULE_DESCRIPTION("a module of the harness's tests");
MODULE_LICENSE("GPL");
