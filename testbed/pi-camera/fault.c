// SPDX-License-Identifier: GPL-2.0-only
/*
 * What goes wrong, and when: faults that somebody has asked for in debugfs, each after some more
 * occasions for it. What comes of them is the affair of those who ask here at each occasion.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/uaccess.h>
#include <linux/videodev2.h>
#include <linux/workqueue.h>

#include "pi-camera.h"

#define PLANNED_MAX	64
#define NAME_BYTES	32
#define LINE_BYTES	128

struct pi_light pi_light = { .lux = 500, .kelvin = 5500 };

static const char * const names[PI_OCCASIONS] = {
	[PI_LOST_IMAGE] = "lost-image",
	[PI_LOST_EMBEDDED] = "lost-embedded",
	[PI_LOST_FRAME] = "lost-frame",
	[PI_LATE_FRAME] = "late-frame",
	[PI_REORDERED_FRAME] = "reordered-frame",
	[PI_DUPLICATED_FRAME] = "duplicated-frame",
	[PI_FLAGGED_IMAGE] = "flagged-image",
	[PI_FLAGGED_EMBEDDED] = "flagged-embedded",
	[PI_EMPTY_EMBEDDED] = "empty-embedded",
	[PI_CORRUPT_EMBEDDED] = "corrupt-embedded",
	[PI_UNEQUAL_TIMESTAMPS] = "unequal-timestamps",
	[PI_SEQUENCE_GAP] = "sequence-gap",
	[PI_SILENT_SENSOR] = "silent-sensor",
	[PI_UNPLUGGED_CAMERA] = "unplugged-camera",
	[PI_SLOW_ISP] = "slow-isp",
	[PI_STUCK_ISP] = "stuck-isp",
	[PI_REORDERED_OUTPUTS] = "reordered-outputs",
	[PI_FLAGGED_OUTPUT] = "flagged-output",
	[PI_UNPLUGGED_ISP] = "unplugged-isp",
	[PI_CALL_ALLOCATE] = "allocate",
	[PI_CALL_IMPORT] = "import",
	[PI_CALL_FREE] = "free",
	[PI_CALL_EXPORT] = "export",
	[PI_CALL_QUEUE] = "queue",
	[PI_CALL_DEQUEUE] = "dequeue",
	[PI_CALL_STREAM_ON] = "stream-on",
	[PI_CALL_STREAM_OFF] = "stream-off",
	[PI_CALL_SET_FORMAT] = "set-format",
	[PI_CALL_SET_CONTROLS] = "set-controls",
	[PI_CALL_SET_CROP] = "set-crop",
	[PI_CALL_SUBSCRIBE] = "subscribe",
	[PI_CALL_DEQUEUE_EVENT] = "dequeue-event",
};

/* What has been asked for: of what, when, and how. */
struct plan {
	bool is_used;
	u32 occasion;
	u32 left;		/* occasions to let pass */
	u32 period;		/* 0: once; else every so many occasions */
	u32 value;
	char whom[NAME_BYTES];	/* a node, or "sensor"; empty: whoever it is */
};

static struct plan plans[PLANNED_MAX];
static DEFINE_SPINLOCK(guard);

static struct dentry *folder;
static int (*unplug)(u32 gone);
static u32 gone;
static DEFINE_MUTEX(plug);

static atomic_t failed_calls;

/* ---- occasions ---- */

static bool is_meant(const struct plan *plan, u32 first, u32 end, const char *whom)
{
	return plan->is_used && plan->occasion >= first && plan->occasion < end &&
	       (!plan->whom[0] || !whom || !strcmp(plan->whom, whom));
}

/* An occasion for all faults from the first to before the end. Says which happen. */
void pi_fault_occasion(u32 first, u32 end, const char *whom, struct pi_occasion *occasion)
{
	size_t i;

	occasion->due = 0;
	spin_lock(&guard);
	for (i = 0; i < PLANNED_MAX; i++) {
		struct plan *plan = &plans[i];

		if (!is_meant(plan, first, end, whom) || plan->left--)
			continue;
		occasion->due |= BIT(plan->occasion);
		occasion->values[plan->occasion] = plan->value;
		strscpy(occasion->whom, plan->whom, sizeof(occasion->whom));
		plan->left = plan->period - 1;
		plan->is_used = plan->period;
	}
	spin_unlock(&guard);
}

/* ---- calls ---- */

static u32 call_with_buffers(const void __user *argument)
{
	struct v4l2_requestbuffers wanted;

	if (copy_from_user(&wanted, argument, sizeof(wanted)))
		return PI_OCCASIONS;
	if (!wanted.count)
		return PI_CALL_FREE;
	return wanted.memory == V4L2_MEMORY_DMABUF ? PI_CALL_IMPORT : PI_CALL_ALLOCATE;
}

static u32 call_of(unsigned int number, const void __user *argument)
{
	switch (_IOC_NR(number)) {
	case _IOC_NR(VIDIOC_REQBUFS):
		return call_with_buffers(argument);
	case _IOC_NR(VIDIOC_EXPBUF):
		return PI_CALL_EXPORT;
	case _IOC_NR(VIDIOC_QBUF):
		return PI_CALL_QUEUE;
	case _IOC_NR(VIDIOC_DQBUF):
		return PI_CALL_DEQUEUE;
	case _IOC_NR(VIDIOC_STREAMON):
		return PI_CALL_STREAM_ON;
	case _IOC_NR(VIDIOC_STREAMOFF):
		return PI_CALL_STREAM_OFF;
	case _IOC_NR(VIDIOC_S_FMT):
		return PI_CALL_SET_FORMAT;
	case _IOC_NR(VIDIOC_S_EXT_CTRLS):
		return PI_CALL_SET_CONTROLS;
	case _IOC_NR(VIDIOC_S_SELECTION):
		return PI_CALL_SET_CROP;
	case _IOC_NR(VIDIOC_SUBSCRIBE_EVENT):
	case _IOC_NR(VIDIOC_UNSUBSCRIBE_EVENT):
		return PI_CALL_SUBSCRIBE;
	case _IOC_NR(VIDIOC_DQEVENT):
		return PI_CALL_DEQUEUE_EVENT;
	default:
		return PI_OCCASIONS;
	}
}

/* What gives things back does so, even where it fails. */
static bool is_done_anyway(unsigned int number, u32 call)
{
	return call == PI_CALL_STREAM_OFF || call == PI_CALL_FREE ||
	       number == VIDIOC_UNSUBSCRIBE_EVENT;
}

/* Makes a call, unless it is to fail. */
long pi_fault_call(const char *whom, struct file *file, unsigned int number, unsigned long argument,
		   pi_call make)
{
	u32 call = call_of(number, (void __user *)argument);
	struct pi_occasion occasion;

	if (call == PI_OCCASIONS)
		return make(file, number, argument);
	pi_fault_occasion(call, call + 1, whom, &occasion);
	if (!occasion.due)
		return make(file, number, argument);
	atomic_inc(&failed_calls);
	if (is_done_anyway(number, call))
		make(file, number, argument);
	return -(long)occasion.values[call];
}

/* ---- the plug ---- */

static int set_gone(u32 wanted)
{
	int ret = 0;

	mutex_lock(&plug);
	if (wanted != gone)
		ret = unplug(wanted);
	if (!ret)
		gone = wanted;
	mutex_unlock(&plug);
	return ret;
}

static u32 to_go;

static void let_go(struct work_struct *work)
{
	set_gone(gone | to_go);
}

static DECLARE_WORK(going, let_go);

/* Devices cannot take themselves away: somebody else does, soon. */
void pi_fault_unplug(u32 device)
{
	to_go = device;
	schedule_work(&going);
}

static int read_unplugged(void *data, u64 *value)
{
	*value = gone;
	return 0;
}

static int write_unplugged(void *data, u64 value)
{
	flush_work(&going);
	return set_gone(value & (PI_PLUG_CAMERA | PI_PLUG_ISP));
}

DEFINE_DEBUGFS_ATTRIBUTE(unplugged_ops, read_unplugged, write_unplugged, "%llu\n");

/* ---- debugfs ---- */

static int find_occasion(const char *name)
{
	int i;

	for (i = 0; i < PI_OCCASIONS; i++) {
		if (!strcmp(names[i], name))
			return i;
	}
	return -EINVAL;
}

static int keep(const struct plan *plan)
{
	int ret = -ENOSPC;
	size_t i;

	spin_lock(&guard);
	for (i = 0; ret && i < PLANNED_MAX; i++) {
		if (plans[i].is_used)
			continue;
		plans[i] = *plan;
		ret = 0;
	}
	spin_unlock(&guard);
	return ret;
}

/* NAME [NUMBER [VALUE [WHOM]]] */
static int parse(const char *line, bool repeats)
{
	struct plan plan = { .is_used = true, .left = repeats };
	char name[NAME_BYTES];
	int words = sscanf(line, "%31s %u %u %31s", name, &plan.left, &plan.value, plan.whom);
	int occasion;

	if (words < 1 || (repeats && !plan.left))
		return -EINVAL;
	occasion = find_occasion(name);
	if (occasion < 0)
		return occasion;
	plan.occasion = occasion;
	if (occasion >= PI_CALL_ALLOCATE && !plan.value)
		plan.value = EIO;
	if (repeats)
		plan.period = plan.left--;
	return keep(&plan);
}

static ssize_t take_line(const char __user *from, size_t bytes, bool repeats)
{
	char line[LINE_BYTES];
	int ret;

	if (bytes >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, from, bytes))
		return -EFAULT;
	line[bytes] = 0;
	ret = parse(line, repeats);
	return ret ?: (ssize_t)bytes;
}

static ssize_t write_inject(struct file *file, const char __user *from, size_t bytes, loff_t *at)
{
	return take_line(from, bytes, false);
}

static ssize_t write_repeat(struct file *file, const char __user *from, size_t bytes, loff_t *at)
{
	return take_line(from, bytes, true);
}

static ssize_t write_forget(struct file *file, const char __user *from, size_t bytes, loff_t *at)
{
	spin_lock(&guard);
	memset(plans, 0, sizeof(plans));
	spin_unlock(&guard);
	atomic_set(&failed_calls, 0);
	return bytes;
}

static const struct file_operations inject_ops = { .owner = THIS_MODULE, .write = write_inject };
static const struct file_operations repeat_ops = { .owner = THIS_MODULE, .write = write_repeat };
static const struct file_operations forget_ops = { .owner = THIS_MODULE, .write = write_forget };

void pi_faults_add(int (*unplug_devices)(u32 gone))
{
	unplug = unplug_devices;
	folder = debugfs_create_dir("pi-camera", NULL);
	debugfs_create_file("inject", 0200, folder, NULL, &inject_ops);
	debugfs_create_file("repeat", 0200, folder, NULL, &repeat_ops);
	debugfs_create_file("forget", 0200, folder, NULL, &forget_ops);
	debugfs_create_atomic_t("failed_calls", 0444, folder, &failed_calls);
	debugfs_create_file("unplugged", 0644, folder, NULL, &unplugged_ops);
	debugfs_create_u32("lux", 0644, folder, &pi_light.lux);
	debugfs_create_u32("white_red", 0644, folder, &pi_light.white_red);
	debugfs_create_u32("white_blue", 0644, folder, &pi_light.white_blue);
	debugfs_create_u32("kelvin", 0644, folder, &pi_light.kelvin);
	pi_record_add(folder);
	pi_account_add(folder);
	pi_painter_add_files(folder);
}

void pi_faults_remove(void)
{
	debugfs_remove_recursive(folder);
	cancel_work_sync(&going);
}
