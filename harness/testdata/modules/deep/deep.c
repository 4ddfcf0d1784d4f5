// SPDX-License-Identifier: GPL-2.0-only
/* A device whose writes call functions two deep; some break the kernel. */

#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/uaccess.h>

struct deep_entry {
	u32 number;
	struct deep_entry *next;
};

int deep_sum(struct deep_entry *entry, u8 factor);
int deep_total(struct deep_entry *first, struct deep_entry *second, long factor);

noinline int deep_sum(struct deep_entry *entry, u8 factor)
{
	return READ_ONCE(entry->number) * factor;
}

noinline int deep_total(struct deep_entry *first, struct deep_entry *second, long factor)
{
	int sum = deep_sum(first, factor);

	return sum + deep_sum(second, factor + 1);
}

static ssize_t deep_write(struct file *file, const char __user *user, size_t len, loff_t *pos)
{
	struct deep_entry second = { .number = 9 };
	struct deep_entry first = { .number = 7, .next = &second };
	char word[16] = {};

	if (copy_from_user(word, user, min(len, sizeof(word) - 1)))
		return -EFAULT;
	if (!strcmp(word, "null"))
		deep_total(&first, NULL, 3);
	else if (!strcmp(word, "fput"))
		fput(NULL);
	else
		deep_total(&first, &second, 3);
	return len;
}

static const struct file_operations deep_operations = {
	.owner = THIS_MODULE,
	.write = deep_write,
};

static struct miscdevice deep_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "deep",
	.fops = &deep_operations,
};

module_misc_device(deep_device);
MODULE_DESCRIPTION("a module of the harness's tests");
MODULE_LICENSE("GPL");
