// SPDX-License-Identifier: GPL-2.0-only
/* The receiver: a thread fills the buffers of its nodes as fast as the sensor sends frames. */
#include <linux/kthread.h>
#include <linux/slab.h>
#include <media/v4l2-event.h>

#include "pi-camera.h"

enum { IMAGE, EMBEDDED, NODES };

/* What the embedded data's timestamp is shifted by as a fault. */
#define SHIFT_NS	1000000

struct receiver {
	struct v4l2_device v4l2;
	struct media_device media;
	struct pi_sensor *sensor;
	struct pi_node nodes[NODES];
	u32 node_count;
	spinlock_t guard;
	struct mutex run_lock;	/* of the thread, which either node may start or stop */
	struct task_struct *thread;
};

static const struct pi_node templates[NODES] = {
	[IMAGE] = {
		.name = "unicam-image", .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .raw = true, .side_min = 16,
	},
	[EMBEDDED] = {
		.name = "unicam-embedded", .type = V4L2_BUF_TYPE_META_CAPTURE,
		.metaformat = PI_META_FMT_SENSOR_DATA, .metasize = PI_EMBEDDED_BYTES,
	},
};

/* ---- frames ---- */

/* Moments follow each other exactly, unless the machine was too slow for them. */
static void wait(ktime_t *moment, u64 ns)
{
	*moment = ktime_add_ns(*moment, ns);
	if (ktime_before(*moment, ktime_get()))
		*moment = ktime_get();
	set_current_state(TASK_IDLE);
	if (kthread_should_stop())
		__set_current_state(TASK_RUNNING);
	else
		schedule_hrtimeout(moment, HRTIMER_MODE_ABS);
}

static void tell_start(struct receiver *receiver, u32 sequence)
{
	struct v4l2_event event = {
		.type = V4L2_EVENT_FRAME_SYNC,
		.u.frame_sync.frame_sequence = sequence,
	};

	v4l2_event_queue(&receiver->nodes[IMAGE].vdev, &event);
}

static void take_buffers(struct receiver *receiver, u32 sequence, struct pi_buffer *buffers[NODES])
{
	bool is_lost = pi_fault_every(pi_faults.lose_frames, sequence);
	bool has_embedded = !pi_fault_every(pi_faults.lose_embedded, sequence);
	struct pi_node *nodes = receiver->nodes;

	spin_lock(&receiver->guard);
	buffers[IMAGE] = is_lost ? NULL : pi_node_take(&nodes[IMAGE]);
	buffers[EMBEDDED] = NULL;
	if (receiver->node_count > EMBEDDED && !is_lost && has_embedded)
		buffers[EMBEDDED] = pi_node_take(&nodes[EMBEDDED]);
	spin_unlock(&receiver->guard);
}

static void fill(struct receiver *receiver, const struct pi_frame *frame, struct pi_buffer *buffers[])
{
	if (buffers[EMBEDDED])
		pi_sensor_write_embedded(receiver->sensor, frame, pi_buffer_memory(buffers[EMBEDDED]));
	if (buffers[IMAGE]) {
		struct pi_picture picture = pi_picture_of(&receiver->nodes[IMAGE], buffers[IMAGE]);

		pi_scene_render(frame, &picture);
	}
}

/* The embedded lines come first, and so does their buffer. */
static void hand_over(struct receiver *receiver, struct pi_buffer *buffers[], struct pi_stamp stamp)
{
	stamp.is_damaged = pi_fault_every(pi_faults.mark_errors, stamp.sequence);
	if (buffers[EMBEDDED]) {
		struct pi_stamp other = stamp;

		if (pi_fault_every(pi_faults.shift_timestamps, stamp.sequence))
			other.ns += SHIFT_NS;
		pi_node_done(&receiver->nodes[EMBEDDED], buffers[EMBEDDED], &other);
	}
	if (buffers[IMAGE])
		pi_node_done(&receiver->nodes[IMAGE], buffers[IMAGE], &stamp);
}

/* Streaming ceased within a frame: the nodes return what was in work. */
static void give_up(struct receiver *receiver, struct pi_buffer *buffers[])
{
	u32 i;

	for (i = 0; i < NODES; i++) {
		if (buffers[i])
			pi_node_put_back(&receiver->nodes[i], buffers[i]);
	}
}

static void receive(struct receiver *receiver, ktime_t *moment)
{
	struct pi_buffer *buffers[NODES];
	struct pi_stamp stamp = {};
	struct pi_frame frame;
	u64 readout_ns, duration_ns;

	pi_sensor_latch(receiver->sensor, &frame);
	stamp.sequence = frame.sequence;
	stamp.ns = ktime_get_ns();
	readout_ns = div_u64(frame.height * frame.line_ps, 1000);
	duration_ns = div_u64(frame.lines * frame.line_ps, 1000);
	tell_start(receiver, stamp.sequence);
	take_buffers(receiver, stamp.sequence, buffers);
	fill(receiver, &frame, buffers);
	wait(moment, readout_ns);
	if (kthread_should_stop()) {
		give_up(receiver, buffers);
		return;
	}
	hand_over(receiver, buffers, stamp);
	wait(moment, duration_ns - readout_ns);
}

static int run(void *data)
{
	struct receiver *receiver = data;
	ktime_t moment = ktime_get();
	u32 frames = 0;

	while (!kthread_should_stop()) {
		if (pi_faults.silent_after && frames >= pi_faults.silent_after) {
			wait(&moment, NSEC_PER_MSEC);
			continue;
		}
		receive(receiver, &moment);
		frames++;
	}
	return 0;
}

/* ---- nodes ---- */

/* Frames flow once all nodes that somebody has opened stream. */
static bool all_stream(struct receiver *receiver)
{
	struct pi_node *embedded = &receiver->nodes[EMBEDDED];

	if (!receiver->nodes[IMAGE].streaming)
		return false;
	return receiver->node_count <= EMBEDDED || embedded->streaming || !pi_node_is_open(embedded);
}

static int check_format(struct receiver *receiver)
{
	const struct v4l2_pix_format *pix = &receiver->nodes[IMAGE].pix;
	struct v4l2_subdev *sd = pi_sensor_subdev(receiver->sensor);
	struct v4l2_subdev_format sent = { .which = V4L2_SUBDEV_FORMAT_ACTIVE };
	int ret = v4l2_subdev_call_state_active(sd, pad, get_fmt, &sent);

	if (ret)
		return ret;
	if (pix->width != sent.format.width || pix->height != sent.format.height)
		return -EPIPE;
	return pi_format_find(true, pix->pixelformat)->code == sent.format.code ? 0 : -EPIPE;
}

static int start_frames(struct receiver *receiver)
{
	struct task_struct *thread;

	pi_sensor_start(receiver->sensor);
	thread = kthread_run(run, receiver, "pi-receiver");
	if (IS_ERR(thread)) {
		pi_sensor_stop(receiver->sensor);
		return PTR_ERR(thread);
	}
	receiver->thread = thread;
	return 0;
}

static int start(struct pi_node *node)
{
	struct receiver *receiver = node->owner;
	int ret = node == &receiver->nodes[IMAGE] ? check_format(receiver) : 0;

	if (ret)
		return ret;
	mutex_lock(&receiver->run_lock);
	if (!receiver->thread && all_stream(receiver))
		ret = start_frames(receiver);
	mutex_unlock(&receiver->run_lock);
	return ret;
}

/* The thread ends with either node, so that it holds none of its buffers. */
static void stop(struct pi_node *node)
{
	struct receiver *receiver = node->owner;

	mutex_lock(&receiver->run_lock);
	if (receiver->thread) {
		kthread_stop(receiver->thread);
		receiver->thread = NULL;
		pi_sensor_stop(receiver->sensor);
	}
	mutex_unlock(&receiver->run_lock);
}

static const struct pi_node_ops node_ops = { .start = start, .stop = stop };

/* ---- life ---- */

static void release(struct v4l2_device *v4l2)
{
	struct receiver *receiver = container_of(v4l2, struct receiver, v4l2);

	pi_sensor_destroy(receiver->sensor);
	media_device_cleanup(&receiver->media);
	kfree(receiver);
}

static int add_nodes(struct receiver *receiver)
{
	struct media_entity *sensor = &pi_sensor_subdev(receiver->sensor)->entity;
	u32 pads = pi_sensor_pads(receiver->sensor);
	int ret;

	while (receiver->node_count < pads) {
		u32 i = receiver->node_count;
		struct pi_node *node = &receiver->nodes[i];

		*node = templates[i];
		node->ops = &node_ops;
		node->owner = receiver;
		node->guard = &receiver->guard;
		ret = pi_node_add(node, &receiver->v4l2, NULL);
		if (ret)
			return ret;
		receiver->node_count++;
		ret = media_create_pad_link(sensor, i, &node->vdev.entity, 0,
					    MEDIA_LNK_FL_ENABLED | MEDIA_LNK_FL_IMMUTABLE);
		if (ret)
			return ret;
	}
	return 0;
}

static void init_media(struct receiver *receiver, struct platform_device *device)
{
	struct media_device *media = &receiver->media;

	media->dev = &device->dev;
	strscpy(media->model, "unicam", sizeof(media->model));
	strscpy(media->driver_name, "unicam", sizeof(media->driver_name));
	snprintf(media->bus_info, sizeof(media->bus_info), "platform:%s", dev_name(&device->dev));
	media_device_init(media);
	receiver->v4l2.mdev = media;
	receiver->v4l2.release = release;
	strscpy(receiver->v4l2.name, "unicam", sizeof(receiver->v4l2.name));
}

static int register_all(struct receiver *receiver)
{
	int ret;

	ret = v4l2_device_register_subdev(&receiver->v4l2, pi_sensor_subdev(receiver->sensor));
	ret = ret ?: add_nodes(receiver);
	ret = ret ?: v4l2_device_register_subdev_nodes(&receiver->v4l2);
	return ret ?: media_device_register(&receiver->media);
}

/* Open files hold on to the structure: it goes with the last of them. */
static void unregister(struct receiver *receiver)
{
	media_device_unregister(&receiver->media);
	while (receiver->node_count)
		vb2_video_unregister_device(&receiver->nodes[--receiver->node_count].vdev);
	v4l2_device_unregister(&receiver->v4l2);
	v4l2_device_put(&receiver->v4l2);
}

int pi_receiver_add(struct platform_device *device, const struct pi_receiver_options *options)
{
	struct receiver *receiver = kzalloc(sizeof(*receiver), GFP_KERNEL);
	int ret;

	if (!receiver)
		return -ENOMEM;
	spin_lock_init(&receiver->guard);
	mutex_init(&receiver->run_lock);
	receiver->sensor = pi_sensor_create(options->sensor, options->embedded, options->rotation,
					    &device->dev);
	if (IS_ERR(receiver->sensor)) {
		ret = PTR_ERR(receiver->sensor);
		kfree(receiver);
		return ret;
	}
	init_media(receiver, device);
	ret = v4l2_device_register(&device->dev, &receiver->v4l2);
	if (ret) {
		release(&receiver->v4l2);
		return ret;
	}
	platform_set_drvdata(device, receiver);
	ret = register_all(receiver);
	if (ret)
		unregister(receiver);
	return ret;
}

void pi_receiver_remove(struct platform_device *device)
{
	unregister(platform_get_drvdata(device));
}
