// SPDX-License-Identifier: GPL-2.0-only
/*
 * A video node: formats, buffers, events. What fills or empties the buffers is its owner's
 * affair.
 */
#include <linux/module.h>
#include <media/v4l2-event.h>
#include <media/v4l2-ioctl.h>

#include "pi-camera.h"

#define FRAME_SYNC_EVENTS	4

static bool is_output(const struct pi_node *node)
{
	return V4L2_TYPE_IS_OUTPUT(node->type);
}

static u32 buffer_bytes(const struct pi_node *node)
{
	return node->metaformat ? node->metasize : node->pix.sizeimage;
}

static void set_crop(struct pi_node *node, struct v4l2_rect crop)
{
	spin_lock(node->guard);
	node->crop = crop;
	spin_unlock(node->guard);
}

/* The part of the pictures that is used; it may change while they stream. */
struct v4l2_rect pi_node_crop(struct pi_node *node)
{
	struct v4l2_rect crop;

	spin_lock(node->guard);
	crop = node->crop;
	spin_unlock(node->guard);
	return crop;
}

static struct v4l2_rect whole(const struct pi_node *node)
{
	return (struct v4l2_rect){ .width = node->pix.width, .height = node->pix.height };
}

/* ---- calls ---- */

static int querycap(struct file *file, void *fh, struct v4l2_capability *capability)
{
	struct pi_node *node = video_drvdata(file);
	struct media_device *media = node->vdev.v4l2_dev->mdev;

	strscpy(capability->driver, media->driver_name, sizeof(capability->driver));
	strscpy(capability->card, media->model, sizeof(capability->card));
	return 0;
}

static int enum_format(struct file *file, void *fh, struct v4l2_fmtdesc *description)
{
	struct pi_node *node = video_drvdata(file);
	const struct pi_format *format;

	format = pi_format_at(node->raw, description->mbus_code, description->index);
	if (!format)
		return -EINVAL;
	description->pixelformat = format->fourcc;
	return 0;
}

static int enum_frame_sizes(struct file *file, void *fh, struct v4l2_frmsizeenum *sizes)
{
	struct pi_node *node = video_drvdata(file);
	u32 max = PI_SIDE_MAX;

	if (sizes->index || !pi_format_find(node->raw, sizes->pixel_format))
		return -EINVAL;
	sizes->type = V4L2_FRMSIZE_TYPE_STEPWISE;
	sizes->stepwise = (struct v4l2_frmsize_stepwise){
		node->side_min, max, 2, node->side_min, max, 2,
	};
	return 0;
}

static int get_format(struct file *file, void *fh, struct v4l2_format *format)
{
	struct pi_node *node = video_drvdata(file);

	format->fmt.pix = node->pix;
	return 0;
}

static int try_format(struct file *file, void *fh, struct v4l2_format *format)
{
	struct pi_node *node = video_drvdata(file);

	pi_format_adjust(&format->fmt.pix, node->raw, node->side_min);
	return 0;
}

static int set_format(struct file *file, void *fh, struct v4l2_format *format)
{
	struct pi_node *node = video_drvdata(file);

	if (vb2_is_busy(&node->queue))
		return -EBUSY;
	try_format(file, fh, format);
	node->pix = format->fmt.pix;
	set_crop(node, whole(node));
	return 0;
}

static int enum_metaformat(struct file *file, void *fh, struct v4l2_fmtdesc *description)
{
	struct pi_node *node = video_drvdata(file);
	bool is_sensors = node->metaformat == PI_META_FMT_SENSOR_DATA;

	if (description->index)
		return -EINVAL;
	if (description->mbus_code && !(is_sensors && description->mbus_code == PI_BUS_FMT_SENSOR_DATA))
		return -EINVAL;
	description->pixelformat = node->metaformat;
	strscpy(description->description, is_sensors ? "Sensor Ancillary Metadata" : "BCM2835 ISP Statistics",
		sizeof(description->description));
	return 0;
}

/* Reading, trying and setting are one: there is nothing to choose. */
static int get_metaformat(struct file *file, void *fh, struct v4l2_format *format)
{
	struct pi_node *node = video_drvdata(file);

	format->fmt.meta.dataformat = node->metaformat;
	format->fmt.meta.buffersize = node->metasize;
	return 0;
}

static int get_selection(struct file *file, void *fh, struct v4l2_selection *selection)
{
	struct pi_node *node = video_drvdata(file);

	if (!is_output(node) || selection->type != node->type)
		return -EINVAL;
	switch (selection->target) {
	case V4L2_SEL_TGT_CROP:
		selection->r = pi_node_crop(node);
		return 0;
	case V4L2_SEL_TGT_CROP_DEFAULT:
	case V4L2_SEL_TGT_CROP_BOUNDS:
		selection->r = whole(node);
		return 0;
	default:
		return -EINVAL;
	}
}

static int set_selection(struct file *file, void *fh, struct v4l2_selection *selection)
{
	struct pi_node *node = video_drvdata(file);
	struct v4l2_rect *rect = &selection->r;

	if (!is_output(node) || selection->type != node->type ||
	    selection->target != V4L2_SEL_TGT_CROP)
		return -EINVAL;
	rect->width = clamp(rect->width & ~1u, node->side_min, node->pix.width);
	rect->height = clamp(rect->height & ~1u, node->side_min, node->pix.height);
	rect->left = clamp_t(s32, rect->left & ~1, 0, node->pix.width - rect->width);
	rect->top = clamp_t(s32, rect->top & ~1, 0, node->pix.height - rect->height);
	set_crop(node, *rect);
	return 0;
}

static int subscribe(struct v4l2_fh *fh, const struct v4l2_event_subscription *subscription)
{
	struct pi_node *node = video_get_drvdata(fh->vdev);

	if (subscription->type == V4L2_EVENT_FRAME_SYNC && node->raw && !is_output(node))
		return v4l2_event_subscribe(fh, subscription, FRAME_SYNC_EVENTS, NULL);
	return v4l2_ctrl_subscribe_event(fh, subscription);
}

static const struct v4l2_ioctl_ops calls = {
	.vidioc_querycap = querycap,
	.vidioc_enum_fmt_vid_cap = enum_format,
	.vidioc_g_fmt_vid_cap = get_format,
	.vidioc_try_fmt_vid_cap = try_format,
	.vidioc_s_fmt_vid_cap = set_format,
	.vidioc_enum_fmt_vid_out = enum_format,
	.vidioc_g_fmt_vid_out = get_format,
	.vidioc_try_fmt_vid_out = try_format,
	.vidioc_s_fmt_vid_out = set_format,
	.vidioc_enum_fmt_meta_cap = enum_metaformat,
	.vidioc_g_fmt_meta_cap = get_metaformat,
	.vidioc_try_fmt_meta_cap = get_metaformat,
	.vidioc_s_fmt_meta_cap = get_metaformat,
	.vidioc_enum_framesizes = enum_frame_sizes,
	.vidioc_g_selection = get_selection,
	.vidioc_s_selection = set_selection,
	.vidioc_reqbufs = vb2_ioctl_reqbufs,
	.vidioc_create_bufs = vb2_ioctl_create_bufs,
	.vidioc_prepare_buf = vb2_ioctl_prepare_buf,
	.vidioc_querybuf = vb2_ioctl_querybuf,
	.vidioc_qbuf = vb2_ioctl_qbuf,
	.vidioc_dqbuf = vb2_ioctl_dqbuf,
	.vidioc_expbuf = vb2_ioctl_expbuf,
	.vidioc_streamon = vb2_ioctl_streamon,
	.vidioc_streamoff = vb2_ioctl_streamoff,
	.vidioc_log_status = v4l2_ctrl_log_status,
	.vidioc_subscribe_event = subscribe,
	.vidioc_unsubscribe_event = v4l2_event_unsubscribe,
};

static long call(struct file *file, unsigned int number, unsigned long argument)
{
	struct pi_node *node = video_drvdata(file);

	return pi_fault_call(node->name, file, number, argument, video_ioctl2);
}

static const struct v4l2_file_operations file_calls = {
	.owner = THIS_MODULE,
	.open = v4l2_fh_open,
	.release = vb2_fop_release,
	.poll = vb2_fop_poll,
	.mmap = vb2_fop_mmap,
	.unlocked_ioctl = call,
};

/* ---- buffers ---- */

static int queue_setup(struct vb2_queue *queue, unsigned int *buffers, unsigned int *planes,
		       unsigned int sizes[], struct device *devices[])
{
	u32 bytes = buffer_bytes(vb2_get_drv_priv(queue));

	if (*planes)
		return *planes != 1 || sizes[0] < bytes ? -EINVAL : 0;
	*planes = 1;
	sizes[0] = bytes;
	return 0;
}

static int buffer_prepare(struct vb2_buffer *vb)
{
	struct pi_node *node = vb2_get_drv_priv(vb->vb2_queue);

	if (vb2_plane_size(vb, 0) < buffer_bytes(node))
		return -EINVAL;
	if (!is_output(node))
		vb2_set_plane_payload(vb, 0, buffer_bytes(node));
	return 0;
}

static int buffer_out_validate(struct vb2_buffer *vb)
{
	to_vb2_v4l2_buffer(vb)->field = V4L2_FIELD_NONE;
	return 0;
}

static struct pi_buffer *buffer_of(struct vb2_buffer *vb)
{
	return container_of(to_vb2_v4l2_buffer(vb), struct pi_buffer, vb);
}

static void buffer_queue(struct vb2_buffer *vb)
{
	struct pi_node *node = vb2_get_drv_priv(vb->vb2_queue);

	spin_lock(node->guard);
	list_add_tail(&buffer_of(vb)->list, &node->buffers);
	spin_unlock(node->guard);
	if (node->ops->queued)
		node->ops->queued(node);
}

static void set_streaming(struct pi_node *node, bool streaming)
{
	spin_lock(node->guard);
	node->streaming = streaming;
	spin_unlock(node->guard);
}

static void return_all(struct pi_node *node, enum vb2_buffer_state state)
{
	struct pi_buffer *buffer, *next;
	LIST_HEAD(buffers);

	spin_lock(node->guard);
	list_splice_init(&node->buffers, &buffers);
	spin_unlock(node->guard);
	list_for_each_entry_safe(buffer, next, &buffers, list)
		vb2_buffer_done(&buffer->vb.vb2_buf, state);
}

static int start_streaming(struct vb2_queue *queue, unsigned int count)
{
	struct pi_node *node = vb2_get_drv_priv(queue);
	int ret;

	node->sequence = 0;
	set_streaming(node, true);
	ret = node->ops->start(node);
	if (ret) {
		set_streaming(node, false);
		return_all(node, VB2_BUF_STATE_QUEUED);
	}
	return ret;
}

static void stop_streaming(struct vb2_queue *queue)
{
	struct pi_node *node = vb2_get_drv_priv(queue);

	set_streaming(node, false);
	node->ops->stop(node);
	return_all(node, VB2_BUF_STATE_ERROR);
}

static const struct vb2_ops buffer_calls = {
	.queue_setup = queue_setup,
	.buf_prepare = buffer_prepare,
	.buf_out_validate = buffer_out_validate,
	.buf_queue = buffer_queue,
	.start_streaming = start_streaming,
	.stop_streaming = stop_streaming,
	.wait_prepare = vb2_ops_wait_prepare,
	.wait_finish = vb2_ops_wait_finish,
};

/* ---- for the owner ---- */

/* The buffer queued longest ago. The caller holds the guard. */
struct pi_buffer *pi_node_take(struct pi_node *node)
{
	struct pi_buffer *buffer;

	lockdep_assert_held(node->guard);
	buffer = list_first_entry_or_null(&node->buffers, struct pi_buffer, list);
	if (!node->streaming || !buffer)
		return NULL;
	list_del(&buffer->list);
	return buffer;
}

/* Makes a buffer that was taken the next one again. */
void pi_node_put_back(struct pi_node *node, struct pi_buffer *buffer)
{
	spin_lock(node->guard);
	list_add(&buffer->list, &node->buffers);
	spin_unlock(node->guard);
}

void *pi_buffer_memory(struct pi_buffer *buffer)
{
	return vb2_plane_vaddr(&buffer->vb.vb2_buf, 0);
}

/* Gives a buffer back to the user. */
void pi_node_done(struct pi_node *node, struct pi_buffer *buffer, const struct pi_stamp *stamp)
{
	struct vb2_buffer *vb = &buffer->vb.vb2_buf;

	if (!is_output(node))
		vb2_set_plane_payload(vb, 0, stamp->is_empty ? 0 : buffer_bytes(node));
	vb->timestamp = stamp->ns;
	buffer->vb.sequence = stamp->sequence;
	buffer->vb.field = V4L2_FIELD_NONE;
	vb2_buffer_done(vb, stamp->is_damaged ? VB2_BUF_STATE_ERROR : VB2_BUF_STATE_DONE);
}

bool pi_node_is_open(struct pi_node *node)
{
	unsigned long flags;
	bool is_open;

	spin_lock_irqsave(&node->vdev.fh_lock, flags);
	is_open = !list_empty(&node->vdev.fh_list);
	spin_unlock_irqrestore(&node->vdev.fh_lock, flags);
	return is_open;
}

static u32 capabilities(const struct pi_node *node)
{
	u32 always = V4L2_CAP_STREAMING | V4L2_CAP_IO_MC;

	if (node->metaformat)
		return always | V4L2_CAP_META_CAPTURE;
	return always | (is_output(node) ? V4L2_CAP_VIDEO_OUTPUT : V4L2_CAP_VIDEO_CAPTURE);
}

static int init_queue(struct pi_node *node, struct device *dev, bool is_receivers)
{
	struct vb2_queue *queue = &node->queue;

	queue->type = node->type;
	queue->io_modes = VB2_MMAP | VB2_DMABUF;
	queue->drv_priv = node;
	queue->buf_struct_size = sizeof(struct pi_buffer);
	queue->ops = &buffer_calls;
	queue->mem_ops = pi_account_open(node);
	queue->lock = &node->lock;
	queue->dev = dev;
	queue->timestamp_flags =
		is_receivers ? V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC : V4L2_BUF_FLAG_TIMESTAMP_COPY;
	return vb2_queue_init(queue);
}

static void init_device(struct pi_node *node, struct v4l2_device *v4l2)
{
	struct video_device *vdev = &node->vdev;

	strscpy(vdev->name, node->name, sizeof(vdev->name));
	vdev->fops = &file_calls;
	vdev->ioctl_ops = &calls;
	vdev->release = video_device_release_empty;
	vdev->lock = &node->lock;
	vdev->queue = &node->queue;
	vdev->v4l2_dev = v4l2;
	vdev->vfl_dir = is_output(node) ? VFL_DIR_TX : VFL_DIR_RX;
	vdev->device_caps = capabilities(node);
	if (!is_output(node)) {
		v4l2_disable_ioctl(vdev, VIDIOC_G_SELECTION);
		v4l2_disable_ioctl(vdev, VIDIOC_S_SELECTION);
	}
	video_set_drvdata(vdev, node);
}

/* Makes the node known; its owner has filled in what comes first in the structure. */
int pi_node_add(struct pi_node *node, struct v4l2_device *v4l2, struct v4l2_ctrl_handler *handler)
{
	bool is_receivers = node->raw && !is_output(node);
	int ret;

	mutex_init(&node->lock);
	INIT_LIST_HEAD(&node->buffers);
	node->pix.width = 640;
	node->pix.height = 480;
	pi_format_adjust(&node->pix, node->raw, node->side_min);
	set_crop(node, whole(node));
	is_receivers |= node->metaformat == PI_META_FMT_SENSOR_DATA;
	ret = init_queue(node, v4l2->dev, is_receivers);
	if (ret)
		return ret;
	init_device(node, v4l2);
	node->vdev.ctrl_handler = handler;
	node->pad.flags = is_output(node) ? MEDIA_PAD_FL_SOURCE : MEDIA_PAD_FL_SINK;
	ret = media_entity_pads_init(&node->vdev.entity, 1, &node->pad);
	return ret ?: video_register_device(&node->vdev, VFL_TYPE_VIDEO, -1);
}
