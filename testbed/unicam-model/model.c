// SPDX-License-Identifier: GPL-2.0-only
/*
 * Brings a modelled sensor and a modelled receiver together, so that the kernel's own drivers for
 * them, unchanged, find hardware in the device tree (unicam-model.dts): a thread is the cable.
 */
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/platform_device.h>

#include "model.h"

static unsigned int lose_frame_end;
module_param(lose_frame_end, uint, 0644);
MODULE_PARM_DESC(lose_frame_end, "fault: every so many frames, one has no end");

static unsigned int stall_after;
module_param(stall_after, uint, 0644);
MODULE_PARM_DESC(stall_after, "fault: the sensor falls silent instead of sending the n-th frame from now; 0: not");

static unsigned int stall_frames;
module_param(stall_frames, uint, 0644);
MODULE_PARM_DESC(stall_frames, "... for so many frames; 0: until it is stopped");

/* What a frame takes that is not sent. */
#define SILENT_FRAME_NS		(33 * NSEC_PER_MSEC)

static struct task_struct *cable;

/* Moments follow each other exactly, unless the machine was too slow for them. */
static void wait(ktime_t *moment, u64 ns)
{
	*moment = ktime_add_ns(*moment, ns);
	if (ktime_before(*moment, ktime_get()))
		*moment = ktime_get();
	set_current_state(TASK_IDLE);
	schedule_hrtimeout(moment, HRTIMER_MODE_ABS);
}

static void carry_frame(const struct sensor_frame *frame, ktime_t *moment)
{
	u64 half_ns = frame->readout_ns / 2;
	struct frame_memory memory;

	if (receiver_frame_start(&memory, frame->width, frame->height))
		scene_render(frame, &memory);
	wait(moment, half_ns);
	receiver_line(frame->height / 2);
	wait(moment, frame->readout_ns - half_ns);
	if (!lose_frame_end || (frame->sequence + 1) % lose_frame_end)
		receiver_frame_end();
	wait(moment, frame->duration_ns - frame->readout_ns);
}

/* How long the sensor is silent from here on, in frames. */
static u32 silence(void)
{
	if (!stall_after || --stall_after)
		return 0;
	return stall_frames ?: U32_MAX;
}

static int carry(void *unused)
{
	struct sensor_frame frame = {};
	ktime_t moment = ktime_get();
	u32 start = 0, silent = 0;

	while (!kthread_should_stop()) {
		if (start != sensor_starts())
			silent = 0;
		start = sensor_starts();
		if (!sensor_streams() || !receiver_is_enabled()) {
			schedule_timeout_idle(1);
			moment = ktime_get();
			continue;
		}
		silent = silent ?: silence();
		if (silent) {
			silent -= silent != U32_MAX;
			wait(&moment, SILENT_FRAME_NS);
			continue;
		}
		sensor_latch(&frame);
		record_frame(&frame);
		carry_frame(&frame, &moment);
	}
	return 0;
}

static int probe(struct platform_device *device)
{
	if (of_device_is_compatible(device->dev.of_node, "pinhole,interrupts"))
		return receiver_add_interrupts(device);
	return sensor_init(device);
}

static const struct of_device_id devices[] = {
	{ .compatible = "pinhole,interrupts" },
	{ .compatible = "pinhole,sensor-bus" },
	{}
};
MODULE_DEVICE_TABLE(of, devices);

static struct platform_driver driver = {
	.probe = probe,
	.driver = {
		.name = "unicam-model",
		.of_match_table = devices,
		.suppress_bind_attrs = true,
	},
};

static int __init model_init(void)
{
	int ret = receiver_init();

	if (!ret)
		ret = platform_driver_register(&driver);
	if (ret)
		return ret;
	record_init();
	cable = kthread_run(carry, NULL, "unicam-model");
	return PTR_ERR_OR_ZERO(cable);
}
module_init(model_init);

/* There is no way out: modelled I/O memory cannot be taken back. */
MODULE_DESCRIPTION("Unicam and IMX219 at the level of their registers");
MODULE_LICENSE("GPL");
