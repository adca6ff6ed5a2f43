// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ISP: takes a raw buffer from its input node and fills one of each capture node that
 * streams. What the pixels become is told by picture.c.
 */
#include <linux/delay.h>
#include <linux/dma-buf.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "pi-camera.h"

/* In the order of the slots of painter.h. */
enum { INPUT, OUTPUT0, OUTPUT1, STATISTICS, NODES };

#define ENTITY_PADS	4
#define GAIN_UNIT	1000
#define GAIN_MAX	0xffff

/* Controls as linux/bcm2835-isp.h of Raspberry Pi's kernel numbers them. */
#define CID_BASE		(V4L2_CID_USER_BASE + 0x10e0)
#define CID_CC_MATRIX		(CID_BASE + 1)
#define CID_LENS_SHADING	(CID_BASE + 2)
#define CID_BLACK_LEVEL		(CID_BASE + 3)
#define CID_GEQ			(CID_BASE + 4)
#define CID_GAMMA		(CID_BASE + 5)
#define CID_DENOISE		(CID_BASE + 6)
#define CID_SHARPEN		(CID_BASE + 7)
#define CID_DPC			(CID_BASE + 8)
#define CID_CDN			(CID_BASE + 9)

struct rational {
	s32 num;
	u32 den;
};

struct matrix_control {
	u32 enabled;
	struct rational ccm[9];
	s32 offsets[3];
};

struct lens_control {
	u32 enabled;
	u32 grid_cell_size, grid_width, grid_stride, grid_height;
	s32 dmabuf;
	u32 ref_transform, corner_sampled, gain_format;
};

struct black_control {
	u32 enabled;
	u16 levels[3];
	u8 pad[2];
};

#define GAMMA_POINTS	33

struct gamma_control {
	u32 enabled;
	u16 x[GAMMA_POINTS], y[GAMMA_POINTS];
};

static_assert(sizeof(struct matrix_control) == 88);
static_assert(sizeof(struct lens_control) == 36);
static_assert(sizeof(struct black_control) == 12);
static_assert(sizeof(struct gamma_control) == 136);

static const struct {
	u32 id;
	const char *name;
	u32 bytes;
} structures[] = {
	{ CID_CC_MATRIX, "Colour Correction Matrix", sizeof(struct matrix_control) },
	{ CID_LENS_SHADING, "Lens Shading", sizeof(struct lens_control) },
	{ CID_BLACK_LEVEL, "Black Level", sizeof(struct black_control) },
	{ CID_GEQ, "Green Equalisation", 16 },
	{ CID_GAMMA, "Gamma", sizeof(struct gamma_control) },
	{ CID_DENOISE, "Denoise", 24 },
	{ CID_SHARPEN, "Sharpen", 28 },
	{ CID_DPC, "Defective Pixel Correction", 8 },
	{ CID_CDN, "Colour Denoise", 8 },
};

struct isp {
	struct v4l2_device v4l2;
	struct media_device media;
	struct media_entity entity;
	struct media_pad pads[ENTITY_PADS];
	struct v4l2_ctrl_handler handler;
	struct v4l2_ctrl *red, *blue, *digital;
	struct v4l2_ctrl *structures[ARRAY_SIZE(structures)];
	struct pi_node nodes[NODES];
	u32 node_count;
	spinlock_t guard;
	struct workqueue_struct *queue;
	struct work_struct work;
	bool is_stuck;
	struct pi_buffer *stuck[NODES];		/* what it holds then */
	struct dma_buf *lens_table;
	struct pi_isp_parameters parameters;	/* of the present frame; too large for a stack */
	struct pi_painter_order order;		/* the same */
};

static const struct pi_node templates[NODES] = {
	[INPUT] = {
		.name = "bcm2835-isp0-output0", .type = V4L2_BUF_TYPE_VIDEO_OUTPUT,
		.raw = true, .side_min = 64,
	},
	[OUTPUT0] = {
		.name = "bcm2835-isp0-capture1", .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .side_min = 64,
	},
	[OUTPUT1] = {
		.name = "bcm2835-isp0-capture2", .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .side_min = 64,
	},
	[STATISTICS] = {
		.name = "bcm2835-isp0-capture3", .type = V4L2_BUF_TYPE_META_CAPTURE,
		.metaformat = PI_META_FMT_STATISTICS,
	},
};

/* ---- controls ---- */

static void use_lens_table(struct isp *isp, struct dma_buf *table)
{
	if (isp->lens_table)
		dma_buf_put(isp->lens_table);
	isp->lens_table = table;
}

/*
 * The small model has no shading to undo, and does not apply the table; but it is held on to, and
 * it must be large enough: four planes of 16 bits a point.
 */
static int set_lens_shading(struct isp *isp, const struct lens_control *lens)
{
	struct dma_buf *table;

	if (!lens->enabled) {
		use_lens_table(isp, NULL);
		return 0;
	}
	table = dma_buf_get(lens->dmabuf);
	if (IS_ERR(table))
		return -EINVAL;
	if (table->size < 8ULL * lens->grid_stride * lens->grid_height) {
		dma_buf_put(table);
		return -EINVAL;
	}
	use_lens_table(isp, table);
	return 0;
}

static int check_matrix(const struct matrix_control *matrix)
{
	int i;

	for (i = 0; matrix->enabled && i < 9; i++) {
		if (!matrix->ccm[i].den)
			return -EINVAL;
	}
	return 0;
}

static int set_control(struct v4l2_ctrl *control)
{
	struct isp *isp = container_of(control->handler, struct isp, handler);

	switch (control->id) {
	case CID_LENS_SHADING:
		return set_lens_shading(isp, control->p_new.p);
	case CID_CC_MATRIX:
		return check_matrix(control->p_new.p);
	default:
		return 0;
	}
}

static const struct v4l2_ctrl_ops control_ops = { .s_ctrl = set_control };

static struct v4l2_ctrl *add_gain(struct isp *isp, u32 id)
{
	return v4l2_ctrl_new_std(&isp->handler, &control_ops, id, 1, GAIN_MAX, 1, GAIN_UNIT);
}

/* A structure travels as an array of bytes. The same one again may name another table. */
static struct v4l2_ctrl *add_structure(struct isp *isp, size_t i)
{
	struct v4l2_ctrl_config config = {
		.ops = &control_ops,
		.id = structures[i].id,
		.name = structures[i].name,
		.type = V4L2_CTRL_TYPE_U8,
		.max = 0xff,
		.step = 1,
		.dims = { structures[i].bytes },
		.flags = V4L2_CTRL_FLAG_EXECUTE_ON_WRITE,
	};

	return v4l2_ctrl_new_custom(&isp->handler, &config, NULL);
}

static int add_controls(struct isp *isp)
{
	size_t i;

	v4l2_ctrl_handler_init(&isp->handler, ARRAY_SIZE(structures) + 3);
	isp->red = add_gain(isp, V4L2_CID_RED_BALANCE);
	isp->blue = add_gain(isp, V4L2_CID_BLUE_BALANCE);
	isp->digital = add_gain(isp, V4L2_CID_DIGITAL_GAIN);
	for (i = 0; i < ARRAY_SIZE(structures); i++)
		isp->structures[i] = add_structure(isp, i);
	return isp->handler.error;
}

static const void *structure(struct isp *isp, u32 id)
{
	return isp->structures[id - CID_CC_MATRIX]->p_cur.p;
}

static void read_gains(struct isp *isp, u32 gains[3])
{
	u32 all = isp->digital->cur.val * 1024 / GAIN_UNIT;

	gains[0] = (u64)all * isp->red->cur.val / GAIN_UNIT;
	gains[1] = all;
	gains[2] = (u64)all * isp->blue->cur.val / GAIN_UNIT;
}

static void read_matrix(struct isp *isp, struct pi_isp_parameters *parameters)
{
	const struct matrix_control *matrix = structure(isp, CID_CC_MATRIX);
	int i;

	parameters->has_matrix = matrix->enabled;
	for (i = 0; matrix->enabled && i < 9; i++)
		parameters->matrix[i] = div_s64(matrix->ccm[i].num * 1024LL, matrix->ccm[i].den);
}

static u32 curve_at(const struct gamma_control *gamma, u32 level)
{
	u32 i = 1, span;

	if (!gamma->enabled)
		return level;
	while (i < GAMMA_POINTS - 1 && gamma->x[i] < level)
		i++;
	if (level <= gamma->x[i - 1] || gamma->x[i] <= gamma->x[i - 1])
		return gamma->y[i - 1];
	span = gamma->x[i] - gamma->x[i - 1];
	level = min(level - gamma->x[i - 1], span);
	return gamma->y[i - 1] + ((s64)gamma->y[i] - gamma->y[i - 1]) * level / span;
}

static void read_curve(struct isp *isp, u8 curve[PI_CURVE_SIZE])
{
	const struct gamma_control *gamma = structure(isp, CID_GAMMA);
	u32 i;

	for (i = 0; i < PI_CURVE_SIZE; i++)
		curve[i] = curve_at(gamma, i * 65535 / (PI_CURVE_SIZE - 1)) >> 8;
}

static void read_parameters(struct isp *isp)
{
	struct pi_isp_parameters *parameters = &isp->parameters;
	const struct black_control *black = structure(isp, CID_BLACK_LEVEL);
	int i;

	mutex_lock(isp->handler.lock);
	for (i = 0; i < 3; i++)
		parameters->black[i] = black->enabled ? black->levels[i] : 0;
	read_gains(isp, parameters->gains);
	read_matrix(isp, parameters);
	read_curve(isp, parameters->curve);
	parameters->crop = pi_node_crop(&isp->nodes[INPUT]);
	mutex_unlock(isp->handler.lock);
}

/* ---- frames ---- */

/* Whether there is a raw buffer, and one to fill at each node that streams. */
static bool is_ready(struct isp *isp)
{
	bool any = false;
	u32 i;

	if (isp->is_stuck || !isp->nodes[INPUT].streaming || list_empty(&isp->nodes[INPUT].buffers))
		return false;
	for (i = OUTPUT0; i < NODES; i++) {
		if (!isp->nodes[i].streaming)
			continue;
		if (list_empty(&isp->nodes[i].buffers))
			return false;
		any = true;
	}
	return any;
}

static bool take_buffers(struct isp *isp, struct pi_buffer *buffers[NODES])
{
	bool ready;
	u32 i;

	spin_lock(&isp->guard);
	ready = is_ready(isp);
	for (i = 0; ready && i < NODES; i++)
		buffers[i] = pi_node_take(&isp->nodes[i]);
	spin_unlock(&isp->guard);
	return ready;
}

static void fill(struct isp *isp, const struct pi_picture *in, u32 i, struct pi_buffer *buffer)
{
	struct pi_node *node = &isp->nodes[i];
	struct pi_picture out;

	if (i == STATISTICS) {
		pi_picture_measure(&isp->parameters, in, pi_buffer_memory(buffer));
		return;
	}
	out = pi_picture_of(node, buffer);
	pi_picture_develop(&isp->parameters, in, &node->pix, &out);
}

/* Takes the controls down as they were written; holds on to the lens table, if there is one. */
static struct dma_buf *order_controls(struct isp *isp, struct pi_painter_run *run)
{
	struct v4l2_rect crop = pi_node_crop(&isp->nodes[INPUT]);
	struct dma_buf *table;
	u8 *to = run->structures;
	size_t i;

	mutex_lock(isp->handler.lock);
	run->red_gain = isp->red->cur.val;
	run->blue_gain = isp->blue->cur.val;
	run->digital_gain = isp->digital->cur.val;
	run->crop_left = crop.left;
	run->crop_top = crop.top;
	run->crop_width = crop.width;
	run->crop_height = crop.height;
	for (i = 0; i < ARRAY_SIZE(structures); to += structures[i++].bytes)
		memcpy(to, isp->structures[i]->p_cur.p, structures[i].bytes);
	table = isp->lens_table;
	if (table)
		get_dma_buf(table);
	mutex_unlock(isp->handler.lock);
	WARN_ON(to != run->structures + sizeof(run->structures));
	return table;
}

static int do_with_table(struct pi_painter_order *order, struct dma_buf *table)
{
	struct iosys_map map;
	int ret = dma_buf_vmap_unlocked(table, &map);

	if (ret)
		return ret;
	pi_painter_add(order, PI_PAINTER_LENS_TABLE, map.vaddr, table->size);
	ret = pi_painter_do(order);
	dma_buf_vunmap_unlocked(table, &map);
	return ret;
}

/* Has somebody do the run. Anything but 0: nobody did. */
static int order_run(struct isp *isp, struct pi_buffer *buffers[NODES])
{
	struct pi_painter_order *order = &isp->order;
	struct dma_buf *table;
	int ret;
	u32 i;

	if (!pi_painter_is_there())
		return -ENODEV;
	pi_painter_begin(order, PI_PAINTER_PROCESS, buffers[INPUT]->vb.vb2_buf.timestamp);
	for (i = INPUT; i < STATISTICS; i++) {
		if (buffers[i])
			pi_painter_add_picture(order, i, &isp->nodes[i], buffers[i]);
	}
	if (buffers[STATISTICS])
		pi_painter_add(order, PI_PAINTER_STATISTICS, pi_buffer_memory(buffers[STATISTICS]),
			       pi_statistics_bytes());
	table = order_controls(isp, &order->job.run);
	if (!table)
		return pi_painter_do(order);
	ret = do_with_table(order, table);
	dma_buf_put(table);
	return ret;
}

static bool happens(const struct pi_occasion *faults, u32 fault)
{
	return faults->due & BIT(fault);
}

static void hand_over(struct isp *isp, const struct pi_occasion *faults, u32 i,
		      struct pi_buffer *buffer, u64 ns)
{
	struct pi_node *node = &isp->nodes[i];
	struct pi_stamp stamp = { .ns = ns, .sequence = node->sequence++ };

	stamp.is_damaged = happens(faults, PI_FLAGGED_OUTPUT) && !strcmp(faults->whom, node->name);
	pi_node_done(node, buffer, &stamp);
}

static void hand_all_over(struct isp *isp, const struct pi_occasion *faults,
			  struct pi_buffer *buffers[NODES])
{
	bool backwards = happens(faults, PI_REORDERED_OUTPUTS);
	u64 ns = buffers[INPUT]->vb.vb2_buf.timestamp;
	u32 i;

	for (i = 0; i < NODES; i++) {
		u32 at = backwards ? NODES - 1 - i : i;

		if (buffers[at])
			hand_over(isp, faults, at, buffers[at], ns);
		if (backwards)
			fsleep(faults->values[PI_REORDERED_OUTPUTS]);
	}
}

static void fill_all(struct isp *isp, struct pi_buffer *buffers[NODES])
{
	struct pi_picture in = pi_picture_of(&isp->nodes[INPUT], buffers[INPUT]);
	u32 i;

	read_parameters(isp);
	for (i = OUTPUT0; i < NODES; i++) {
		if (buffers[i])
			fill(isp, &in, i, buffers[i]);
	}
}

static void process(struct isp *isp, const struct pi_occasion *faults, struct pi_buffer *buffers[NODES])
{
	if (order_run(isp, buffers))
		fill_all(isp, buffers);
	if (happens(faults, PI_SLOW_ISP))
		fsleep(faults->values[PI_SLOW_ISP]);
	hand_all_over(isp, faults, buffers);
}

/* Holds what it has, until its nodes stop. */
static void get_stuck(struct isp *isp, struct pi_buffer *buffers[NODES])
{
	spin_lock(&isp->guard);
	isp->is_stuck = true;
	memcpy(isp->stuck, buffers, sizeof(isp->stuck));
	spin_unlock(&isp->guard);
}

static void let_go(struct isp *isp, u32 i)
{
	struct pi_buffer *buffer = isp->stuck[i];

	isp->stuck[i] = NULL;
	if (buffer)
		pi_node_put_back(&isp->nodes[i], buffer);
}

static void come_free(struct isp *isp)
{
	u32 i;

	for (i = 0; i < NODES; i++)
		let_go(isp, i);
	spin_lock(&isp->guard);
	isp->is_stuck = false;
	spin_unlock(&isp->guard);
}

static void work(struct work_struct *work)
{
	struct isp *isp = container_of(work, struct isp, work);
	struct pi_buffer *buffers[NODES];
	struct pi_occasion faults;

	while (take_buffers(isp, buffers)) {
		pi_fault_occasion(PI_SLOW_ISP, PI_CALL_ALLOCATE, NULL, &faults);
		if (happens(&faults, PI_UNPLUGGED_ISP))
			pi_fault_unplug(PI_PLUG_ISP);
		if (happens(&faults, PI_STUCK_ISP) || happens(&faults, PI_UNPLUGGED_ISP))
			get_stuck(isp, buffers);
		else
			process(isp, &faults, buffers);
	}
}

/* ---- nodes ---- */

static void queued(struct pi_node *node)
{
	struct isp *isp = node->owner;

	queue_work(isp->queue, &isp->work);
}

static int start(struct pi_node *node)
{
	queued(node);
	return 0;
}

/* Waits for the frame in work. The other nodes go on. */
static void stop(struct pi_node *node)
{
	struct isp *isp = node->owner;

	flush_work(&isp->work);
	let_go(isp, node - isp->nodes);
	if (node == &isp->nodes[INPUT]) {
		come_free(isp);
		mutex_lock(isp->handler.lock);
		use_lens_table(isp, NULL);
		mutex_unlock(isp->handler.lock);
	}
	queued(node);
}

static const struct pi_node_ops node_ops = { .start = start, .stop = stop, .queued = queued };

/* ---- life ---- */

static void release(struct v4l2_device *v4l2)
{
	struct isp *isp = container_of(v4l2, struct isp, v4l2);

	cancel_work_sync(&isp->work);
	destroy_workqueue(isp->queue);
	use_lens_table(isp, NULL);
	v4l2_ctrl_handler_free(&isp->handler);
	media_entity_cleanup(&isp->entity);
	media_device_cleanup(&isp->media);
	kfree(isp);
}

static int link_node(struct isp *isp, u32 i)
{
	struct media_entity *node = &isp->nodes[i].vdev.entity;
	u32 flags = MEDIA_LNK_FL_ENABLED | MEDIA_LNK_FL_IMMUTABLE;

	if (i == INPUT)
		return media_create_pad_link(node, 0, &isp->entity, i, flags);
	return media_create_pad_link(&isp->entity, i, node, 0, flags);
}

static int add_node(struct isp *isp, u32 i)
{
	struct pi_node *node = &isp->nodes[i];
	int ret;

	*node = templates[i];
	if (i == STATISTICS)
		node->metasize = pi_statistics_bytes();
	node->ops = &node_ops;
	node->owner = isp;
	node->guard = &isp->guard;
	ret = pi_node_add(node, &isp->v4l2, i == INPUT ? &isp->handler : NULL);
	if (ret)
		return ret;
	isp->node_count++;
	return link_node(isp, i);
}

static int add_nodes(struct isp *isp)
{
	int ret = 0;

	while (!ret && isp->node_count < NODES)
		ret = add_node(isp, isp->node_count);
	return ret;
}

static int add_entity(struct isp *isp)
{
	u32 i;
	int ret;

	isp->entity.name = "bcm2835_isp0";
	isp->entity.obj_type = MEDIA_ENTITY_TYPE_BASE;
	isp->entity.function = MEDIA_ENT_F_PROC_VIDEO_SCALER;
	for (i = 0; i < ENTITY_PADS; i++)
		isp->pads[i].flags = i == INPUT ? MEDIA_PAD_FL_SINK : MEDIA_PAD_FL_SOURCE;
	ret = media_entity_pads_init(&isp->entity, ENTITY_PADS, isp->pads);
	return ret ?: media_device_register_entity(&isp->media, &isp->entity);
}

static void init_media(struct isp *isp, struct platform_device *device)
{
	struct media_device *media = &isp->media;

	media->dev = &device->dev;
	strscpy(media->model, "bcm2835-isp", sizeof(media->model));
	strscpy(media->driver_name, "bcm2835-isp", sizeof(media->driver_name));
	snprintf(media->bus_info, sizeof(media->bus_info), "platform:%s", dev_name(&device->dev));
	media_device_init(media);
	isp->v4l2.mdev = media;
	isp->v4l2.release = release;
	strscpy(isp->v4l2.name, "bcm2835-isp", sizeof(isp->v4l2.name));
}

static int register_all(struct isp *isp)
{
	return add_controls(isp) ?: add_entity(isp) ?: add_nodes(isp) ?:
	       media_device_register(&isp->media);
}

/* Open files hold on to the structure: it goes with the last of them. */
static void unregister(struct isp *isp)
{
	media_device_unregister(&isp->media);
	while (isp->node_count)
		vb2_video_unregister_device(&isp->nodes[--isp->node_count].vdev);
	v4l2_device_unregister(&isp->v4l2);
	v4l2_device_put(&isp->v4l2);
}

int pi_isp_add(struct platform_device *device)
{
	struct isp *isp = kzalloc(sizeof(*isp), GFP_KERNEL);
	int ret;

	if (!isp)
		return -ENOMEM;
	isp->queue = alloc_ordered_workqueue("pi-isp", 0);
	if (!isp->queue) {
		kfree(isp);
		return -ENOMEM;
	}
	spin_lock_init(&isp->guard);
	INIT_WORK(&isp->work, work);
	init_media(isp, device);
	ret = v4l2_device_register(&device->dev, &isp->v4l2);
	if (ret) {
		release(&isp->v4l2);
		return ret;
	}
	platform_set_drvdata(device, isp);
	ret = register_all(isp);
	if (ret)
		unregister(isp);
	return ret;
}

void pi_isp_remove(struct platform_device *device)
{
	unregister(platform_get_drvdata(device));
}
