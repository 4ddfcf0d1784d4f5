// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that needs others, and firmware, while it is loaded.
 */
#include <linux/device.h>
#include <linux/firmware.h>
#include <linux/kmod.h>
#include <linux/module.h>
#include <linux/string.h>

static char firmware[64];
module_param_string(firmware, firmware, sizeof(firmware), 0444);
MODULE_PARM_DESC(firmware, "the firmware that was read");

static int __init asks_init(void)
{
	const struct firmware *fw;
	struct device *dev;
	int err;

	err = request_module("rtnl-link-%s", "dummy");
	if (err)
		return err > 0 ? -ENOENT : err;
	if (!request_module("kmodtest-%s", "missing"))
		return -EINVAL;

	dev = root_device_register("asks");
	if (IS_ERR(dev))
		return PTR_ERR(dev);
	err = request_firmware(&fw, "kmodtest/asks.bin", dev);
	if (!err) {
		memcpy(firmware, fw->data, min(sizeof(firmware) - 1, fw->size));
		release_firmware(fw);
	}
	root_device_unregister(dev);
	return err;
}

static void __exit asks_exit(void)
{
}

module_init(asks_init);
module_exit(asks_exit);

MODULE_SOFTDEP("pre: ifb kmodtest-absent");
MODULE_ALIAS("kmodtest-alias-*");
MODULE_DESCRIPTION("a module that asks for others and for firmware");
MODULE_LICENSE("GPL");
