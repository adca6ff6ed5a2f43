// SPDX-License-Identifier: GPL-2.0-only
/* What the last frames were taken with, for those who check what they were told: in debugfs. */
#include <linux/debugfs.h>
#include <linux/ktime.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>

#include "model.h"

#define KEPT	256

static struct {
	struct sensor_frame frame;
	u64 ns;
} kept[KEPT];

static u32 count;
static DEFINE_SPINLOCK(lock);

/* A frame starts. */
void record_frame(const struct sensor_frame *frame)
{
	spin_lock(&lock);
	kept[count % KEPT].frame = *frame;
	kept[count % KEPT].ns = ktime_get_ns();
	count++;
	spin_unlock(&lock);
}

/* Number, time, lines exposed, code of the gain, pixels of a line and lines of a frame. */
static int frames_show(struct seq_file *out, void *unused)
{
	u32 i;

	spin_lock(&lock);
	for (i = count > KEPT ? count - KEPT : 0; i < count; i++) {
		const struct sensor_frame *frame = &kept[i % KEPT].frame;

		seq_printf(out, "%u %llu %u %u %u %u\n", frame->sequence, kept[i % KEPT].ns,
			   frame->exposure, frame->gain, frame->line_pixels, frame->lines);
	}
	spin_unlock(&lock);
	return 0;
}

DEFINE_SHOW_ATTRIBUTE(frames);

void record_init(void)
{
	debugfs_create_file("frames", 0444, debugfs_create_dir("unicam-model", NULL), NULL, &frames_fops);
}
