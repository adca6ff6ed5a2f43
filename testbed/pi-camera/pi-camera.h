/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the modelled Raspberry Pi camera know of each other. A receiver has a sensor
 * and two nodes, an ISP four nodes; both are told of buffers by their nodes.
 */
#ifndef PI_CAMERA_H
#define PI_CAMERA_H

#include <linux/dcache.h>
#include <linux/platform_device.h>
#include <media/media-device.h>
#include <media/v4l2-ctrls.h>
#include <media/v4l2-device.h>
#include <media/v4l2-subdev.h>
#include <media/videobuf2-v4l2.h>

#include "painter.h"

/* Numbers that Raspberry Pi's kernel has and mainline has not. */
#define PI_META_FMT_SENSOR_DATA	v4l2_fourcc('S', 'E', 'N', 'S')
#define PI_META_FMT_STATISTICS	v4l2_fourcc('B', 'S', 'T', 'A')
#define PI_BUS_FMT_SENSOR_DATA	0x7002

#define PI_EMBEDDED_BYTES	16384
#define PI_BLACK		4096	/* of 65536 */

/* ---- fault.c: what goes wrong, and what light falls; files in debugfs ---- */

struct pi_light {
	u32 lux;
	u32 white_red;		/* of white, where green is 1024; 0: as in daylight */
	u32 white_blue;
	u32 kelvin;		/* for a process that paints, instead of those */
};

extern struct pi_light pi_light;

/* What a fault can happen to: a frame of the sensor, a run of the ISP, a call. */
enum {
	PI_LOST_IMAGE, PI_LOST_EMBEDDED, PI_LOST_FRAME,
	PI_LATE_FRAME,		/* by so many microseconds */
	PI_REORDERED_FRAME,	/* the image by so many microseconds */
	PI_DUPLICATED_FRAME,
	PI_FLAGGED_IMAGE, PI_FLAGGED_EMBEDDED, PI_EMPTY_EMBEDDED, PI_CORRUPT_EMBEDDED,
	PI_UNEQUAL_TIMESTAMPS,	/* the embedded data's later by so many microseconds */
	PI_SEQUENCE_GAP,	/* of so many numbers */
	PI_SILENT_SENSOR,	/* for so many frames; 0: until it is stopped */
	PI_UNPLUGGED_CAMERA,
	PI_SLOW_ISP,		/* by so many microseconds */
	PI_STUCK_ISP,
	PI_REORDERED_OUTPUTS,	/* so many microseconds apart */
	PI_FLAGGED_OUTPUT, PI_UNPLUGGED_ISP,
	PI_CALL_ALLOCATE,	/* calls: with that error */
	PI_CALL_IMPORT, PI_CALL_FREE, PI_CALL_EXPORT, PI_CALL_QUEUE, PI_CALL_DEQUEUE,
	PI_CALL_STREAM_ON, PI_CALL_STREAM_OFF, PI_CALL_SET_FORMAT, PI_CALL_SET_CONTROLS,
	PI_CALL_SET_CROP, PI_CALL_SUBSCRIBE, PI_CALL_DEQUEUE_EVENT,
	PI_OCCASIONS
};

/* What happens at an occasion: a bit for each fault, and its value. */
struct pi_occasion {
	u32 due;
	u32 values[PI_OCCASIONS];
	char whom[32];
};

static_assert(PI_OCCASIONS <= 32);

enum { PI_PLUG_CAMERA = 1, PI_PLUG_ISP = 2 };

typedef long (*pi_call)(struct file *file, unsigned int number, unsigned long argument);

void pi_faults_add(int (*unplug)(u32 gone));
void pi_faults_remove(void);
void pi_fault_occasion(u32 first, u32 end, const char *whom, struct pi_occasion *occasion);
long pi_fault_call(const char *whom, struct file *file, unsigned int number, unsigned long argument,
		   pi_call make);
void pi_fault_unplug(u32 device);

/* ---- format.c ---- */

#define PI_SIDE_MAX	16376

enum pi_layout { PI_RAW, PI_PLANAR, PI_SEMIPLANAR, PI_YUV422, PI_RGB };

struct pi_format {
	u32 fourcc;
	enum pi_layout layout;
	u32 depth;		/* bits that a pixel takes in the first plane */
	u32 stride_align;	/* bytes */
	u32 code;		/* raw: of the media bus */
	u32 bits;		/* raw: of a sample */
	u32 order;		/* raw: RGGB mirrored across (bit 0) and down (bit 1) */
	u8 place[4];		/* else: bytes of Y, Cb, Y, Cr; or R, G, B; 420: 1 if Cr comes first */
};

const struct pi_format *pi_format_at(bool raw, u32 code, u32 index);
const struct pi_format *pi_format_find(bool raw, u32 fourcc);
u32 pi_format_code(u32 order, u32 bits);
u32 pi_format_bits(u32 code);
void pi_format_adjust(struct v4l2_pix_format *pix, bool raw, u32 side_min);

/* ---- node.c ---- */

struct pi_buffer {
	struct vb2_v4l2_buffer vb;
	struct list_head list;
};

struct pi_node;

struct pi_node_ops {
	int (*start)(struct pi_node *node);
	void (*stop)(struct pi_node *node);
	void (*queued)(struct pi_node *node);
};

struct pi_node {
	const char *name;
	u32 type;		/* of its buffers */
	u32 metaformat;		/* 0: a node of pictures */
	u32 metasize;
	bool raw;
	u32 side_min;
	const struct pi_node_ops *ops;
	void *owner;
	spinlock_t *guard;	/* of buffers, streaming and crop; one for all nodes of a device */

	struct video_device vdev;
	struct vb2_queue queue;
	struct pi_account *account;
	struct media_pad pad;
	struct mutex lock;
	struct list_head buffers;
	bool streaming;
	u32 sequence;
	struct v4l2_pix_format pix;
	struct v4l2_rect crop;	/* output nodes: the part that is used */
};

int pi_node_add(struct pi_node *node, struct v4l2_device *v4l2, struct v4l2_ctrl_handler *handler);
struct v4l2_rect pi_node_crop(struct pi_node *node);
struct pi_buffer *pi_node_take(struct pi_node *node);
bool pi_node_is_open(struct pi_node *node);
void pi_node_put_back(struct pi_node *node, struct pi_buffer *buffer);
void *pi_buffer_memory(struct pi_buffer *buffer);

struct pi_stamp {
	u32 sequence;
	u64 ns;
	bool is_damaged;
	bool is_empty;
};

void pi_node_done(struct pi_node *node, struct pi_buffer *buffer, const struct pi_stamp *stamp);

/* ---- sensor.c ---- */

/* What a frame is taken with. */
struct pi_frame {
	u32 width, height;
	u32 bits, order;
	u32 exposure, gain;	/* lines, code */
	u32 lines, line_pixels;	/* of a frame and a line, with blanking */
	u32 test_pattern;
	u32 sequence;
	u64 line_ps;
	u32 gain_256;		/* the gain times 256 */
	u32 sensitivity;	/* parts of 10^6 of full scale, for one lux and one second */
	u32 white_red, white_blue;
	const char *sensor;
	u32 rotation;
};

struct pi_sensor;

struct pi_sensor *pi_sensor_create(const char *name, int embedded, u32 rotation, struct device *dev);
void pi_sensor_destroy(struct pi_sensor *sensor);
struct v4l2_subdev *pi_sensor_subdev(struct pi_sensor *sensor);
u32 pi_sensor_pads(const struct pi_sensor *sensor);
void pi_sensor_prepare_calls(struct pi_sensor *sensor);
void pi_sensor_start(struct pi_sensor *sensor);
void pi_sensor_stop(struct pi_sensor *sensor);
void pi_sensor_latch(struct pi_sensor *sensor, u32 skipped, struct pi_frame *frame);
void pi_sensor_write_embedded(const struct pi_sensor *sensor, const struct pi_frame *frame, u8 *out);

/* ---- record.c ---- */

void pi_record_add(struct dentry *folder);
void pi_record_frame(const struct pi_frame *frame, u64 ns);

/* ---- account.c ---- */

void pi_account_add(struct dentry *folder);
const struct vb2_mem_ops *pi_account_open(struct pi_node *node);

/* ---- scene.c ---- */

struct pi_picture {
	u8 *start;
	u32 width, height, stride, bytes;
	const struct pi_format *format;
};

struct pi_picture pi_picture_of(struct pi_node *node, struct pi_buffer *buffer);
void pi_scene_render(const struct pi_frame *frame, const struct pi_picture *out);

/* ---- picture.c: what the ISP makes of samples ---- */

#define PI_CURVE_SIZE	1024

struct pi_isp_parameters {
	u32 black[3];		/* of 65536 */
	u32 gains[3];		/* times 1024 */
	bool has_matrix;
	s32 matrix[9];		/* times 1024 */
	u8 curve[PI_CURVE_SIZE];
	struct v4l2_rect crop;
};

void pi_picture_develop(const struct pi_isp_parameters *parameters, const struct pi_picture *in,
			const struct v4l2_pix_format *pix, const struct pi_picture *out);
void pi_picture_measure(const struct pi_isp_parameters *parameters, const struct pi_picture *in,
			void *statistics);
u32 pi_statistics_bytes(void);

/* ---- painter.c: a process that fills the buffers instead ---- */

struct pi_painter_order {
	struct pi_painter_job job;
	void *memory[PI_PAINTER_SLOTS];
};

int pi_painter_add_device(void);
void pi_painter_remove_device(void);
void pi_painter_add_files(struct dentry *folder);
bool pi_painter_is_there(void);
void pi_painter_begin(struct pi_painter_order *order, u32 kind, u64 timestamp_ns);
void pi_painter_add(struct pi_painter_order *order, u32 slot, void *memory, u32 bytes);
void pi_painter_add_picture(struct pi_painter_order *order, u32 slot, struct pi_node *node,
			    struct pi_buffer *buffer);
int pi_painter_do(struct pi_painter_order *order);

/* ---- receiver.c, isp.c: devices ---- */

struct pi_receiver_options {
	const char *sensor;
	int embedded;		/* below 0: as the sensor has it on a Pi */
	u32 rotation;
};

int pi_receiver_add(struct platform_device *device, const struct pi_receiver_options *options);
void pi_receiver_remove(struct platform_device *device);
int pi_isp_add(struct platform_device *device);
void pi_isp_remove(struct platform_device *device);

#endif
