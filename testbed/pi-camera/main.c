// SPDX-License-Identifier: GPL-2.0-only
/*
 * A Raspberry Pi's camera as Linux shows it, without the Pi: a receiver with a sensor, and an ISP.
 * Two platform devices and the driver that they are bound to.
 */
#include <linux/module.h>
#include <linux/platform_device.h>

#include "pi-camera.h"

static char *sensor = "imx219";
module_param(sensor, charp, 0444);
MODULE_PARM_DESC(sensor, "imx219 or imx477");

static bool receiver = true;
module_param(receiver, bool, 0444);
MODULE_PARM_DESC(receiver, "whether there is a receiver with a sensor, or only the ISP, for another driver's");

static int embedded = -1;
module_param(embedded, int, 0644);
MODULE_PARM_DESC(embedded, "1: the sensor sends embedded data, 0: not, -1: the imx477 does; read when it is plugged in");

static unsigned int rotation = 180;
module_param(rotation, uint, 0444);
MODULE_PARM_DESC(rotation, "how the sensor is mounted, in degrees");

static const struct platform_device_id names[] = {
	{ "fe801000.csi" },
	{ "bcm2835-isp" },
	{}
};

/* In the order of the bits of PI_PLUG. */
static struct platform_device *devices[2];

static bool is_isp(struct platform_device *device)
{
	return device->id_entry == &names[1];
}

static int probe(struct platform_device *device)
{
	struct pi_receiver_options options = {
		.sensor = sensor, .embedded = embedded, .rotation = rotation,
	};

	return is_isp(device) ? pi_isp_add(device) : pi_receiver_add(device, &options);
}

static void remove(struct platform_device *device)
{
	if (is_isp(device))
		pi_isp_remove(device);
	else
		pi_receiver_remove(device);
}

/* Media devices want a driver that is bound: opening a sub-device takes hold of its module. */
static struct platform_driver driver = {
	.probe = probe,
	.remove = remove,
	.id_table = names,
	.driver = { .name = "pi-camera" },
};

static int put_there(size_t i)
{
	struct platform_device *device;

	device = platform_device_register_simple(names[i].name, PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(device))
		return PTR_ERR(device);
	devices[i] = device;
	return 0;
}

static void take_away(size_t i)
{
	platform_device_unregister(devices[i]);
	devices[i] = NULL;
}

/* Takes away the devices of which there is a bit, and brings back the others. */
static int unplug(u32 gone)
{
	size_t i;
	int ret = 0;

	if (!receiver)
		gone |= PI_PLUG_CAMERA;
	for (i = 0; i < ARRAY_SIZE(devices); i++) {
		if (devices[i] && gone & BIT(i))
			take_away(i);
	}
	for (i = 0; !ret && i < ARRAY_SIZE(devices); i++) {
		if (!devices[i] && !(gone & BIT(i)))
			ret = put_there(i);
	}
	return ret;
}

static int plug_in(void)
{
	int ret = platform_driver_register(&driver);

	if (ret)
		return ret;
	ret = unplug(0);
	if (ret) {
		unplug(PI_PLUG_CAMERA | PI_PLUG_ISP);
		platform_driver_unregister(&driver);
	}
	return ret;
}

static int __init pi_camera_init(void)
{
	int ret = pi_painter_add_device();

	if (ret)
		return ret;
	ret = plug_in();
	if (ret)
		pi_painter_remove_device();
	else
		pi_faults_add(unplug);
	return ret;
}
module_init(pi_camera_init);

static void __exit pi_camera_exit(void)
{
	pi_faults_remove();
	unplug(PI_PLUG_CAMERA | PI_PLUG_ISP);
	platform_driver_unregister(&driver);
	pi_painter_remove_device();
}
module_exit(pi_camera_exit);

MODULE_DESCRIPTION("A Raspberry Pi's camera, modelled as Linux shows it");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(DMA_BUF);
