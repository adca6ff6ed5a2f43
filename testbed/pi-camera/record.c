// SPDX-License-Identifier: GPL-2.0-only
/* What the last frames were taken with, for those who check what they were told: in debugfs. */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "pi-camera.h"

#define KEPT	256

static struct {
	struct pi_frame frame;
	u64 ns;
} kept[KEPT];

static u32 next, count;
static DEFINE_SPINLOCK(guard);

void pi_record_frame(const struct pi_frame *frame, u64 ns)
{
	spin_lock(&guard);
	kept[next].frame = *frame;
	kept[next].ns = ns;
	next = (next + 1) % KEPT;
	count = min_t(u32, count + 1, KEPT);
	spin_unlock(&guard);
}

/* Number, time, lines exposed, code of the gain, pixels of a line and lines of a frame. */
static int show_frames_show(struct seq_file *out, void *data)
{
	u32 i;

	spin_lock(&guard);
	for (i = KEPT - count; i < KEPT; i++) {
		const struct pi_frame *frame = &kept[(next + i) % KEPT].frame;

		seq_printf(out, "%u %llu %u %u %u %u\n", frame->sequence, kept[(next + i) % KEPT].ns,
			   frame->exposure, frame->gain, frame->line_pixels, frame->lines);
	}
	spin_unlock(&guard);
	return 0;
}

DEFINE_SHOW_ATTRIBUTE(show_frames);

void pi_record_add(struct dentry *folder)
{
	debugfs_create_file("frames", 0444, folder, NULL, &show_frames_fops);
}
