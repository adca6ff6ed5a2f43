// SPDX-License-Identifier: GPL-2.0-only
/* The receiver: a thread fills the buffers of its nodes as fast as the sensor sends frames. */
#include <linux/kthread.h>
#include <linux/slab.h>
#include <media/v4l2-event.h>

#include "pi-camera.h"

enum { IMAGE, EMBEDDED, NODES };

/* What a sensor takes from standby to its first frame. */
#define WAKING_NS	(6 * NSEC_PER_MSEC)

/* What a frame takes that is not sent. */
#define SILENT_FRAME_NS	(33 * NSEC_PER_MSEC)

/* Bytes of embedded data that garbage takes the place of. */
#define GARBAGE_BYTES	64

struct receiver {
	struct v4l2_device v4l2;
	struct media_device media;
	struct pi_sensor *sensor;
	struct pi_node nodes[NODES];
	u32 node_count;
	spinlock_t guard;
	struct mutex run_lock;	/* of the thread, which either node may start or stop */
	struct task_struct *thread;
	struct pi_painter_order order;	/* of the present frame; too large for a stack */
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

static bool happens(const struct pi_occasion *faults, u32 fault)
{
	return faults->due & BIT(fault);
}

static u64 happens_ns(const struct pi_occasion *faults, u32 fault)
{
	return happens(faults, fault) ? faults->values[fault] * (u64)NSEC_PER_USEC : 0;
}

static void take_buffers(struct receiver *receiver, const struct pi_occasion *faults,
			 struct pi_buffer *buffers[NODES])
{
	bool is_lost = happens(faults, PI_LOST_FRAME);
	bool has_image = !is_lost && !happens(faults, PI_LOST_IMAGE);
	bool has_embedded = !is_lost && !happens(faults, PI_LOST_EMBEDDED);
	struct pi_node *nodes = receiver->nodes;

	spin_lock(&receiver->guard);
	buffers[IMAGE] = has_image ? pi_node_take(&nodes[IMAGE]) : NULL;
	buffers[EMBEDDED] = NULL;
	if (receiver->node_count > EMBEDDED && has_embedded)
		buffers[EMBEDDED] = pi_node_take(&nodes[EMBEDDED]);
	spin_unlock(&receiver->guard);
}

/* Has somebody paint the frame. Anything but 0: nobody did. */
static int order_image(struct receiver *receiver, const struct pi_frame *frame, u64 ns,
		       struct pi_buffer *buffer)
{
	struct pi_painter_order *order = &receiver->order;

	if (!pi_painter_is_there() || frame->test_pattern)
		return -ENODEV;
	pi_painter_begin(order, PI_PAINTER_EXPOSE, ns);
	pi_painter_add_picture(order, PI_PAINTER_RAW, &receiver->nodes[IMAGE], buffer);
	order->job.frame = (struct pi_painter_frame){
		.rotation = frame->rotation,
		.width = frame->width, .height = frame->height,
		.flips = frame->order,
		.exposure = frame->exposure, .gain = frame->gain,
		.lines = frame->lines, .line_pixels = frame->line_pixels,
		.sequence = frame->sequence,
		.lux = pi_light.lux, .kelvin = pi_light.kelvin,
	};
	strscpy(order->job.frame.sensor, frame->sensor, sizeof(order->job.frame.sensor));
	return pi_painter_do(order);
}

static void fill_image(struct receiver *receiver, const struct pi_frame *frame, u64 ns,
		       struct pi_buffer *buffer)
{
	struct pi_picture picture = pi_picture_of(&receiver->nodes[IMAGE], buffer);

	if (order_image(receiver, frame, ns, buffer))
		pi_scene_render(frame, &picture);
}

static void fill(struct receiver *receiver, const struct pi_frame *frame, u64 ns,
		 const struct pi_occasion *faults, struct pi_buffer *buffers[])
{
	if (buffers[EMBEDDED]) {
		u8 *data = pi_buffer_memory(buffers[EMBEDDED]);

		pi_sensor_write_embedded(receiver->sensor, frame, data);
		if (happens(faults, PI_CORRUPT_EMBEDDED))
			memset(data, 0xff, GARBAGE_BYTES);
	}
	if (buffers[IMAGE])
		fill_image(receiver, frame, ns, buffers[IMAGE]);
}

static void hand_over_embedded(struct receiver *receiver, const struct pi_occasion *faults,
			       struct pi_buffer *buffer, struct pi_stamp stamp)
{
	if (!buffer)
		return;
	stamp.ns += happens_ns(faults, PI_UNEQUAL_TIMESTAMPS);
	stamp.is_damaged = happens(faults, PI_FLAGGED_EMBEDDED);
	stamp.is_empty = happens(faults, PI_EMPTY_EMBEDDED);
	pi_node_done(&receiver->nodes[EMBEDDED], buffer, &stamp);
}

static void hand_over_image(struct receiver *receiver, const struct pi_occasion *faults,
			    struct pi_buffer *buffer, struct pi_stamp stamp)
{
	if (!buffer)
		return;
	stamp.is_damaged = happens(faults, PI_FLAGGED_IMAGE);
	pi_node_done(&receiver->nodes[IMAGE], buffer, &stamp);
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

/* The embedded lines come first, and so does their buffer. Waits as long as that takes. */
static void deliver(struct receiver *receiver, const struct pi_occasion *faults,
		    struct pi_buffer *buffers[], const struct pi_stamp *stamp, ktime_t *moment)
{
	u64 later_ns = happens_ns(faults, PI_REORDERED_FRAME);

	hand_over_embedded(receiver, faults, buffers[EMBEDDED], *stamp);
	buffers[EMBEDDED] = NULL;
	if (later_ns)
		wait(moment, later_ns);
	if (kthread_should_stop())
		give_up(receiver, buffers);
	else
		hand_over_image(receiver, faults, buffers[IMAGE], *stamp);
}

/* Once more, into other buffers. */
static void repeat(struct receiver *receiver, const struct pi_frame *frame,
		   const struct pi_occasion *faults, const struct pi_stamp *stamp, ktime_t *moment)
{
	struct pi_buffer *buffers[NODES];

	take_buffers(receiver, faults, buffers);
	fill(receiver, frame, stamp->ns, faults, buffers);
	deliver(receiver, faults, buffers, stamp, moment);
}

static void receive(struct receiver *receiver, const struct pi_occasion *faults, ktime_t *moment)
{
	u32 skipped = happens(faults, PI_SEQUENCE_GAP) ? faults->values[PI_SEQUENCE_GAP] : 0;
	struct pi_buffer *buffers[NODES];
	struct pi_stamp stamp = {};
	struct pi_frame frame;
	ktime_t end;

	pi_sensor_latch(receiver->sensor, skipped, &frame);
	stamp.sequence = frame.sequence;
	stamp.ns = ktime_get_ns();
	end = ktime_add_ns(*moment, div_u64(frame.lines * frame.line_ps, 1000));
	pi_record_frame(&frame, stamp.ns);
	tell_start(receiver, stamp.sequence);
	take_buffers(receiver, faults, buffers);
	fill(receiver, &frame, stamp.ns, faults, buffers);
	wait(moment, div_u64(frame.height * frame.line_ps, 1000) + happens_ns(faults, PI_LATE_FRAME));
	if (kthread_should_stop()) {
		give_up(receiver, buffers);
		return;
	}
	deliver(receiver, faults, buffers, &stamp, moment);
	if (happens(faults, PI_DUPLICATED_FRAME))
		repeat(receiver, &frame, faults, &stamp, moment);
	if (ktime_after(end, *moment))
		wait(moment, ktime_to_ns(ktime_sub(end, *moment)));
}

/* How long the sensor is silent from here on, in frames. */
static u32 silence(const struct pi_occasion *faults)
{
	if (!happens(faults, PI_SILENT_SENSOR))
		return 0;
	return faults->values[PI_SILENT_SENSOR] ?: U32_MAX;
}

static int run(void *data)
{
	struct receiver *receiver = data;
	ktime_t moment = ktime_get();
	struct pi_occasion faults;
	u32 silent = 0;

	wait(&moment, WAKING_NS);
	while (!kthread_should_stop()) {
		if (!silent) {
			pi_fault_occasion(PI_LOST_IMAGE, PI_SLOW_ISP, NULL, &faults);
			silent = silence(&faults);
		}
		if (happens(&faults, PI_UNPLUGGED_CAMERA)) {
			pi_fault_unplug(PI_PLUG_CAMERA);
			silent = U32_MAX;
		}
		if (!silent) {
			receive(receiver, &faults, &moment);
			continue;
		}
		faults.due = 0;
		silent -= silent != U32_MAX;
		wait(&moment, SILENT_FRAME_NS);
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
	if (!ret)
		pi_sensor_prepare_calls(receiver->sensor);
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
