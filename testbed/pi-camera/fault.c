// SPDX-License-Identifier: GPL-2.0-only
/* The knobs in debugfs: faults, the light, and the plug. */
#include <linux/debugfs.h>
#include <linux/module.h>

#include "pi-camera.h"

struct pi_faults pi_faults = { .lux = 500 };

static struct dentry *folder;
static int (*unplug)(bool gone);
static u32 is_unplugged;

static const struct {
	const char *name;
	u32 *value;
} knobs[] = {
	{ "lose_frames", &pi_faults.lose_frames },
	{ "lose_embedded", &pi_faults.lose_embedded },
	{ "shift_timestamps", &pi_faults.shift_timestamps },
	{ "mark_errors", &pi_faults.mark_errors },
	{ "silent_after", &pi_faults.silent_after },
	{ "stuck_isp", &pi_faults.stuck_isp },
	{ "fail_ioctl", &pi_faults.fail_ioctl },
	{ "fail_times", &pi_faults.fail_times },
	{ "lux", &pi_faults.lux },
	{ "white_red", &pi_faults.white_red },
	{ "white_blue", &pi_faults.white_blue },
};

static int read_unplugged(void *data, u64 *value)
{
	*value = is_unplugged;
	return 0;
}

static int write_unplugged(void *data, u64 value)
{
	int ret;

	if (!!value == is_unplugged)
		return 0;
	ret = unplug(value);
	if (!ret)
		is_unplugged = !!value;
	return ret;
}

DEFINE_DEBUGFS_ATTRIBUTE(unplugged_ops, read_unplugged, write_unplugged, "%llu\n");

void pi_faults_add(int (*unplug_devices)(bool gone))
{
	size_t i;

	unplug = unplug_devices;
	folder = debugfs_create_dir("pi-camera", NULL);
	for (i = 0; i < ARRAY_SIZE(knobs); i++)
		debugfs_create_u32(knobs[i].name, 0644, folder, knobs[i].value);
	debugfs_create_file("unplugged", 0644, folder, NULL, &unplugged_ops);
}

void pi_faults_remove(void)
{
	debugfs_remove_recursive(folder);
}

bool pi_fault_every(u32 every, u32 sequence)
{
	return every && (sequence + 1) % every == 0;
}

bool pi_fault_fails(unsigned int ioctl)
{
	if (likely(!pi_faults.fail_times) || _IOC_NR(ioctl) != pi_faults.fail_ioctl)
		return false;
	pi_faults.fail_times--;
	return true;
}
