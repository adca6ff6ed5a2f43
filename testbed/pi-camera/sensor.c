// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sensor: its modes, its controls, and the registers behind them. A control says what was
 * written; a register is in force some frames later, which only pictures and embedded data show.
 */
#include <linux/math64.h>
#include <linux/slab.h>
#include <media/v4l2-event.h>

#include "pi-camera.h"

#define IMAGE_PAD		0
#define EMBEDDED_PAD		1
#define DELAY_MAX		4
#define CONTROLS		16
#define EXPOSURE_MIN		4
#define EXPOSURE_DEFAULT	0x640
#define BITS_MAX		2

struct mode {
	u32 width, height;
	struct v4l2_rect crop;
	u32 bits[BITS_MAX];
	u32 line_pixels, line_pixels_max;
	u32 lines_min, lines_max, lines_default;
};

struct model {
	const char *name;
	const char *address;
	u32 native_width, native_height;
	struct v4l2_rect active;
	s64 link_frequency;
	u32 pixel_rate;
	const struct mode *modes;
	u32 mode_count;
	u32 exposure_margin;
	u32 gain_scale, gain_max;	/* the gain is scale / (scale - code) */
	u32 exposure_delay, gain_delay, blank_delay;	/* frames */
	bool has_embedded;		/* as Linux on a Pi has it */
	/* Addresses in the embedded data; frame lengths above the most are counted in 2^n lines. */
	u16 exposure_at, gain_at, lines_at, line_pixels_at, temperature_at;
	u32 gain_bytes, lines_register_max;
	u32 sensitivity, white_red, white_blue;
};

#define RECT(x, y, w, h) { .left = x, .top = y, .width = w, .height = h }

#define IMX219_MODE(w, h, crop_, lines) {		\
	.width = w, .height = h, .crop = crop_,		\
	.bits = { 10, 8 },				\
	.line_pixels = 3448, .line_pixels_max = 3448,	\
	.lines_min = (h) + 32, .lines_max = 0xffff,	\
	.lines_default = lines,				\
}

static const struct mode imx219_modes[] = {
	IMX219_MODE(3280, 2464, RECT(8, 8, 3280, 2464), 3526),
	IMX219_MODE(1920, 1080, RECT(688, 700, 1920, 1080), 1763),
	IMX219_MODE(1640, 1232, RECT(8, 8, 3280, 2464), 1763),
	IMX219_MODE(640, 480, RECT(1008, 760, 1280, 960), 1763),
};

#define IMX477_RATE	840000000

#define IMX477_MODE(w, h, crop_, bits_, line, fps_max, fps) {	\
	.width = w, .height = h, .crop = crop_,			\
	.bits = { bits_ },					\
	.line_pixels = line, .line_pixels_max = 0xfff0,		\
	.lines_min = IMX477_RATE / (line) / (fps_max),		\
	.lines_max = 0xffdc << 7,				\
	.lines_default = IMX477_RATE / (line) / (fps),		\
}

static const struct mode imx477_modes[] = {
	IMX477_MODE(4056, 3040, RECT(8, 16, 4056, 3040), 12, 24000, 10, 10),
	IMX477_MODE(2028, 1520, RECT(8, 16, 4056, 3040), 12, 12740, 40, 30),
	IMX477_MODE(2028, 1080, RECT(8, 456, 4056, 2160), 12, 12740, 50, 30),
	IMX477_MODE(1332, 990, RECT(704, 544, 2664, 1980), 10, 6664, 120, 120),
};

static const struct model models[] = {
	{
		.name = "imx219", .address = "10-0010",
		.native_width = 3296, .native_height = 2480,
		.active = RECT(8, 8, 3280, 2464),
		.link_frequency = 456000000, .pixel_rate = 182400000,
		.modes = imx219_modes, .mode_count = ARRAY_SIZE(imx219_modes),
		.exposure_margin = 4,
		.gain_scale = 256, .gain_max = 232,
		.exposure_delay = 2, .gain_delay = 1, .blank_delay = 2,
		.exposure_at = 0x015a, .gain_at = 0x0157, .gain_bytes = 1,
		.lines_at = 0x0160, .line_pixels_at = 0x0162, .lines_register_max = 0xffff,
		.sensitivity = 39362, .white_red = 617, .white_blue = 687,
	},
	{
		.name = "imx477", .address = "10-001a",
		.native_width = 4072, .native_height = 3176,
		.active = RECT(8, 16, 4056, 3040),
		.link_frequency = 450000000, .pixel_rate = IMX477_RATE,
		.modes = imx477_modes, .mode_count = ARRAY_SIZE(imx477_modes),
		.exposure_margin = 22,
		.gain_scale = 1024, .gain_max = 978,
		.exposure_delay = 2, .gain_delay = 2, .blank_delay = 3,
		.has_embedded = true,
		.exposure_at = 0x0202, .gain_at = 0x0204, .gain_bytes = 2,
		.lines_at = 0x0340, .line_pixels_at = 0x0342, .temperature_at = 0x013a,
		.lines_register_max = 0xffdc,
		.sensitivity = 65000, .white_red = 353, .white_blue = 696,
	},
};

/* A register whose values take effect some frames after they were written. */
struct delayed {
	u32 written, in_force;
	u32 coming[DELAY_MAX];
};

struct pi_sensor {
	struct v4l2_subdev sd;
	struct media_pad pads[2];
	struct v4l2_ctrl_handler handler;
	struct v4l2_ctrl *exposure_control, *vblank_control, *hblank_control;
	struct v4l2_ctrl *hflip, *vflip, *test_pattern;
	const struct model *model;
	const struct mode *mode;
	u32 bits;
	bool has_embedded;
	u32 rotation;
	u32 sequence;
	struct v4l2_file_operations calls;
	const struct v4l2_file_operations *usual_calls;
	struct delayed exposure, gain, vblank, hblank;
};

static void settle(struct delayed *delayed, u32 value)
{
	u32 i;

	delayed->written = value;
	delayed->in_force = value;
	for (i = 0; i < DELAY_MAX; i++)
		delayed->coming[i] = value;
}

static void write_delayed(struct delayed *delayed, u32 value, u32 delay)
{
	u32 i;

	delayed->written = value;
	for (i = delay - 1; i < DELAY_MAX; i++)
		delayed->coming[i] = value;
}

static void advance(struct delayed *delayed)
{
	delayed->in_force = delayed->coming[0];
	memmove(delayed->coming, delayed->coming + 1, sizeof(u32) * (DELAY_MAX - 1));
}

static struct pi_sensor *sensor_of(struct v4l2_subdev *sd)
{
	return container_of(sd, struct pi_sensor, sd);
}

/* ---- controls ---- */

static void bound_exposure(struct pi_sensor *sensor, u32 vblank)
{
	u32 max = sensor->mode->height + vblank - sensor->model->exposure_margin;

	__v4l2_ctrl_modify_range(sensor->exposure_control, EXPOSURE_MIN, max, 1,
				 min_t(u32, EXPOSURE_DEFAULT, max));
}

static int set_control(struct v4l2_ctrl *control)
{
	struct pi_sensor *sensor = container_of(control->handler, struct pi_sensor, handler);
	const struct model *model = sensor->model;

	switch (control->id) {
	case V4L2_CID_EXPOSURE:
		write_delayed(&sensor->exposure, control->val, model->exposure_delay);
		break;
	case V4L2_CID_ANALOGUE_GAIN:
		write_delayed(&sensor->gain, control->val, model->gain_delay);
		break;
	case V4L2_CID_VBLANK:
		write_delayed(&sensor->vblank, control->val, model->blank_delay);
		bound_exposure(sensor, control->val);
		break;
	case V4L2_CID_HBLANK:
		write_delayed(&sensor->hblank, control->val, model->blank_delay);
		break;
	}
	return 0;
}

static const struct v4l2_ctrl_ops control_ops = { .s_ctrl = set_control };

static const char * const test_patterns[] = { "Disabled", "Color Bars", "Solid Color" };

/* What a mode makes of the controls. The caller holds their lock, or is alone. */
static void apply_mode(struct pi_sensor *sensor)
{
	const struct mode *mode = sensor->mode;
	u32 vblank = mode->lines_default - mode->height;
	u32 hblank = mode->line_pixels - mode->width;

	__v4l2_ctrl_modify_range(sensor->vblank_control, mode->lines_min - mode->height,
				 mode->lines_max - mode->height, 1, vblank);
	__v4l2_ctrl_s_ctrl(sensor->vblank_control, vblank);
	bound_exposure(sensor, vblank);
	__v4l2_ctrl_modify_range(sensor->hblank_control, hblank,
				 mode->line_pixels_max - mode->width, 1, hblank);
	__v4l2_ctrl_s_ctrl(sensor->hblank_control, hblank);
	settle(&sensor->vblank, vblank);
	settle(&sensor->hblank, hblank);
}

static struct v4l2_ctrl *add_control(struct pi_sensor *sensor, u32 id, s64 min, s64 max, s64 value)
{
	return v4l2_ctrl_new_std(&sensor->handler, &control_ops, id, min, max, 1, value);
}

static void add_flip(struct pi_sensor *sensor, struct v4l2_ctrl **flip, u32 id)
{
	*flip = add_control(sensor, id, 0, 1, 0);
	if (*flip)
		(*flip)->flags |= V4L2_CTRL_FLAG_MODIFY_LAYOUT;
}

static void add_mode_controls(struct pi_sensor *sensor)
{
	const struct mode *mode = sensor->mode;
	u32 vblank = mode->lines_default - mode->height;
	u32 hblank = mode->line_pixels - mode->width;

	sensor->vblank_control = add_control(sensor, V4L2_CID_VBLANK, mode->lines_min - mode->height,
					     mode->lines_max - mode->height, vblank);
	sensor->hblank_control = add_control(sensor, V4L2_CID_HBLANK, hblank,
					     mode->line_pixels_max - mode->width, hblank);
	if (sensor->hblank_control && mode->line_pixels == mode->line_pixels_max)
		sensor->hblank_control->flags |= V4L2_CTRL_FLAG_READ_ONLY;
	settle(&sensor->vblank, vblank);
	settle(&sensor->hblank, hblank);
}

static int add_controls(struct pi_sensor *sensor, u32 rotation)
{
	const struct model *model = sensor->model;
	struct v4l2_ctrl *control;

	v4l2_ctrl_handler_init(&sensor->handler, CONTROLS);
	sensor->exposure_control = add_control(sensor, V4L2_CID_EXPOSURE, EXPOSURE_MIN, 65535,
					       EXPOSURE_DEFAULT);
	settle(&sensor->exposure, EXPOSURE_DEFAULT);
	add_control(sensor, V4L2_CID_ANALOGUE_GAIN, 0, model->gain_max, 0);
	add_mode_controls(sensor);
	add_control(sensor, V4L2_CID_PIXEL_RATE, model->pixel_rate, model->pixel_rate, model->pixel_rate);
	control = v4l2_ctrl_new_int_menu(&sensor->handler, &control_ops, V4L2_CID_LINK_FREQ, 0, 0,
					 &model->link_frequency);
	if (control)
		control->flags |= V4L2_CTRL_FLAG_READ_ONLY;
	add_flip(sensor, &sensor->hflip, V4L2_CID_HFLIP);
	add_flip(sensor, &sensor->vflip, V4L2_CID_VFLIP);
	sensor->test_pattern = v4l2_ctrl_new_std_menu_items(&sensor->handler, &control_ops,
							    V4L2_CID_TEST_PATTERN,
							    ARRAY_SIZE(test_patterns) - 1, 0, 0,
							    test_patterns);
	v4l2_ctrl_new_std_menu(&sensor->handler, &control_ops, V4L2_CID_CAMERA_ORIENTATION,
			       V4L2_CAMERA_ORIENTATION_EXTERNAL, 0, V4L2_CAMERA_ORIENTATION_EXTERNAL);
	add_control(sensor, V4L2_CID_CAMERA_SENSOR_ROTATION, rotation, rotation, rotation);
	return sensor->handler.error;
}

static u32 order_of(const struct pi_sensor *sensor)
{
	return sensor->hflip->val | sensor->vflip->val << 1;
}

/* ---- formats ---- */

static u32 bits_count(const struct mode *mode)
{
	return mode->bits[1] ? 2 : 1;
}

static bool has_bits(const struct mode *mode, u32 bits)
{
	return bits && (mode->bits[0] == bits || mode->bits[1] == bits);
}

/* The sample depths of all modes, each once. */
static u32 bits_at(const struct model *model, u32 index)
{
	u32 seen = 0, i, j;

	for (i = 0; i < model->mode_count; i++) {
		for (j = 0; j < bits_count(&model->modes[i]); j++) {
			u32 bits = model->modes[i].bits[j];

			if (seen & BIT(bits))
				continue;
			seen |= BIT(bits);
			if (!index--)
				return bits;
		}
	}
	return 0;
}

static int enum_codes(struct v4l2_subdev *sd, struct v4l2_subdev_state *state,
		      struct v4l2_subdev_mbus_code_enum *code)
{
	struct pi_sensor *sensor = sensor_of(sd);
	u32 bits;

	if (code->pad == EMBEDDED_PAD) {
		code->code = PI_BUS_FMT_SENSOR_DATA;
		return code->index ? -EINVAL : 0;
	}
	bits = bits_at(sensor->model, code->index);
	code->code = pi_format_code(order_of(sensor), bits);
	return bits ? 0 : -EINVAL;
}

static int enum_embedded_sizes(struct v4l2_subdev_frame_size_enum *size)
{
	if (size->index || size->code != PI_BUS_FMT_SENSOR_DATA)
		return -EINVAL;
	size->min_width = size->max_width = PI_EMBEDDED_BYTES;
	size->min_height = size->max_height = 1;
	return 0;
}

static int enum_sizes(struct v4l2_subdev *sd, struct v4l2_subdev_state *state,
		      struct v4l2_subdev_frame_size_enum *size)
{
	struct pi_sensor *sensor = sensor_of(sd);
	u32 bits = pi_format_bits(size->code), index = size->index, i;

	if (size->pad == EMBEDDED_PAD)
		return enum_embedded_sizes(size);
	if (!bits || size->code != pi_format_code(order_of(sensor), bits))
		return -EINVAL;
	for (i = 0; i < sensor->model->mode_count; i++) {
		const struct mode *mode = &sensor->model->modes[i];

		if (!has_bits(mode, bits) || index--)
			continue;
		size->min_width = size->max_width = mode->width;
		size->min_height = size->max_height = mode->height;
		return 0;
	}
	return -EINVAL;
}

static const struct mode *nearest_mode(const struct model *model, u32 bits, u32 width, u32 height)
{
	const struct mode *best = NULL;
	u32 best_distance = U32_MAX, i;

	for (i = 0; i < model->mode_count; i++) {
		const struct mode *mode = &model->modes[i];
		u32 distance = abs_diff(mode->width, width) + abs_diff(mode->height, height);

		if (!has_bits(mode, bits) || distance >= best_distance)
			continue;
		best = mode;
		best_distance = distance;
	}
	return best;
}

static void fill_format(struct v4l2_mbus_framefmt *format, u32 code, u32 width, u32 height)
{
	*format = (struct v4l2_mbus_framefmt){
		.code = code, .width = width, .height = height,
		.field = V4L2_FIELD_NONE, .colorspace = V4L2_COLORSPACE_RAW,
		.xfer_func = V4L2_XFER_FUNC_NONE, .ycbcr_enc = V4L2_YCBCR_ENC_601,
		.quantization = V4L2_QUANTIZATION_FULL_RANGE,
	};
}

static void fill_embedded_format(struct v4l2_mbus_framefmt *format)
{
	*format = (struct v4l2_mbus_framefmt){
		.code = PI_BUS_FMT_SENSOR_DATA, .width = PI_EMBEDDED_BYTES, .height = 1,
		.field = V4L2_FIELD_NONE,
	};
}

/* Flips change the code of what was set before. */
static int get_format(struct v4l2_subdev *sd, struct v4l2_subdev_state *state,
		      struct v4l2_subdev_format *format)
{
	struct pi_sensor *sensor = sensor_of(sd);

	format->format = *v4l2_subdev_state_get_format(state, format->pad);
	if (format->pad == IMAGE_PAD)
		format->format.code = pi_format_code(order_of(sensor),
						     pi_format_bits(format->format.code));
	return 0;
}

static int set_format(struct v4l2_subdev *sd, struct v4l2_subdev_state *state,
		      struct v4l2_subdev_format *wanted)
{
	struct pi_sensor *sensor = sensor_of(sd);
	struct v4l2_mbus_framefmt *format = &wanted->format;
	u32 bits = pi_format_bits(format->code);
	const struct mode *mode;

	if (wanted->pad == EMBEDDED_PAD)
		return get_format(sd, state, wanted);
	mode = nearest_mode(sensor->model, bits, format->width, format->height);
	if (!mode) {
		bits = bits_at(sensor->model, 0);
		mode = nearest_mode(sensor->model, bits, format->width, format->height);
	}
	if (wanted->which == V4L2_SUBDEV_FORMAT_ACTIVE) {
		if (sensor->hflip->flags & V4L2_CTRL_FLAG_GRABBED)
			return -EBUSY;
		sensor->mode = mode;
		sensor->bits = bits;
		apply_mode(sensor);
	}
	fill_format(format, pi_format_code(order_of(sensor), bits), mode->width, mode->height);
	*v4l2_subdev_state_get_format(state, IMAGE_PAD) = *format;
	return 0;
}

static int get_selection(struct v4l2_subdev *sd, struct v4l2_subdev_state *state,
			 struct v4l2_subdev_selection *selection)
{
	const struct model *model = sensor_of(sd)->model;
	const struct v4l2_mbus_framefmt *format = v4l2_subdev_state_get_format(state, IMAGE_PAD);

	if (selection->pad != IMAGE_PAD)
		return -EINVAL;
	switch (selection->target) {
	case V4L2_SEL_TGT_CROP:
		selection->r = nearest_mode(model, pi_format_bits(format->code), format->width,
					    format->height)->crop;
		return 0;
	case V4L2_SEL_TGT_NATIVE_SIZE:
		selection->r = (struct v4l2_rect){
			.width = model->native_width, .height = model->native_height,
		};
		return 0;
	case V4L2_SEL_TGT_CROP_DEFAULT:
	case V4L2_SEL_TGT_CROP_BOUNDS:
		selection->r = model->active;
		return 0;
	default:
		return -EINVAL;
	}
}

static int init_state(struct v4l2_subdev *sd, struct v4l2_subdev_state *state)
{
	struct pi_sensor *sensor = sensor_of(sd);
	const struct mode *mode = sensor->model->modes;

	fill_format(v4l2_subdev_state_get_format(state, IMAGE_PAD),
		    pi_format_code(order_of(sensor), mode->bits[0]), mode->width, mode->height);
	if (sensor->has_embedded)
		fill_embedded_format(v4l2_subdev_state_get_format(state, EMBEDDED_PAD));
	return 0;
}

static const struct v4l2_subdev_core_ops core_ops = {
	.log_status = v4l2_ctrl_subdev_log_status,
	.subscribe_event = v4l2_ctrl_subdev_subscribe_event,
	.unsubscribe_event = v4l2_event_subdev_unsubscribe,
};

static const struct v4l2_subdev_pad_ops pad_ops = {
	.enum_mbus_code = enum_codes,
	.enum_frame_size = enum_sizes,
	.get_fmt = get_format,
	.set_fmt = set_format,
	.get_selection = get_selection,
};

static const struct v4l2_subdev_ops sensor_ops = { .core = &core_ops, .pad = &pad_ops };
static const struct v4l2_subdev_internal_ops internal_ops = { .init_state = init_state };

/* ---- frames ---- */

static void hold_flips(struct pi_sensor *sensor, bool held)
{
	v4l2_ctrl_grab(sensor->hflip, held);
	v4l2_ctrl_grab(sensor->vflip, held);
}

/* Begins to send: what was written so far is in force for the first frame. */
void pi_sensor_start(struct pi_sensor *sensor)
{
	hold_flips(sensor, true);
	mutex_lock(sensor->handler.lock);
	settle(&sensor->exposure, sensor->exposure.written);
	settle(&sensor->gain, sensor->gain.written);
	settle(&sensor->vblank, sensor->vblank.written);
	settle(&sensor->hblank, sensor->hblank.written);
	sensor->sequence = 0;
	mutex_unlock(sensor->handler.lock);
}

void pi_sensor_stop(struct pi_sensor *sensor)
{
	hold_flips(sensor, false);
}

static void fill_frame(struct pi_sensor *sensor, struct pi_frame *frame)
{
	const struct model *model = sensor->model;

	*frame = (struct pi_frame){
		.width = sensor->mode->width, .height = sensor->mode->height,
		.bits = sensor->bits, .order = order_of(sensor),
		.exposure = sensor->exposure.in_force, .gain = sensor->gain.in_force,
		.line_pixels = sensor->mode->width + sensor->hblank.in_force,
		.test_pattern = sensor->test_pattern->val,
		.sequence = sensor->sequence++,
		.gain_256 = 256 * model->gain_scale / (model->gain_scale - sensor->gain.in_force),
		.sensitivity = model->sensitivity,
		.white_red = model->white_red, .white_blue = model->white_blue,
		.sensor = model->name, .rotation = sensor->rotation,
	};
	frame->lines = max(sensor->mode->height + sensor->vblank.in_force,
			   frame->exposure + model->exposure_margin);
	frame->line_ps = div_u64(frame->line_pixels * 1000000000000ULL, model->pixel_rate);
}

/* The next frame begins, after so many numbers that are left out: says what it is taken with. */
void pi_sensor_latch(struct pi_sensor *sensor, u32 skipped, struct pi_frame *frame)
{
	mutex_lock(sensor->handler.lock);
	advance(&sensor->exposure);
	advance(&sensor->gain);
	advance(&sensor->vblank);
	advance(&sensor->hblank);
	sensor->sequence += skipped;
	fill_frame(sensor, frame);
	mutex_unlock(sensor->handler.lock);
}

/* ---- embedded data: registers by tags, as SMIA has them ---- */

#define LINE_START	0x0a
#define LINE_END	0x07
#define ADDRESS_HIGH	0xaa
#define ADDRESS_LOW	0xa5
#define VALUE		0x5a
#define FILLER		0x55
#define LINE_END_BYTES	16
#define TEMPERATURE_C	38

struct line {
	u8 *out;
	u32 used;
	u32 period;	/* every so-manieth byte is a filler; 0: none */
};

static void put_byte(struct line *line, u8 byte)
{
	if (line->period && line->used % line->period == line->period - 1)
		line->out[line->used++] = FILLER;
	line->out[line->used++] = byte;
}

static void put_pair(struct line *line, u8 tag, u8 byte)
{
	put_byte(line, tag);
	put_byte(line, byte);
}

/* A register of one byte or two, the high one first. */
static void put_register(struct line *line, u16 address, u32 value, u32 bytes)
{
	put_pair(line, ADDRESS_HIGH, address >> 8);
	put_pair(line, ADDRESS_LOW, address & 0xff);
	if (bytes == 2)
		put_pair(line, VALUE, value >> 8 & 0xff);
	put_pair(line, VALUE, value & 0xff);
}

static u32 filler_period(u32 bits)
{
	if (bits == 10)
		return 5;
	return bits == 12 ? 3 : 0;
}

void pi_sensor_write_embedded(const struct pi_sensor *sensor, const struct pi_frame *frame, u8 *out)
{
	const struct model *model = sensor->model;
	struct line line = { .out = out, .period = filler_period(frame->bits) };
	u32 shift = 0, i;

	while (frame->lines >> shift > model->lines_register_max)
		shift++;
	put_byte(&line, LINE_START);
	put_register(&line, model->gain_at, frame->gain, model->gain_bytes);
	put_register(&line, model->exposure_at, frame->exposure >> shift, 2);
	put_register(&line, model->lines_at, frame->lines >> shift, 2);
	put_register(&line, model->line_pixels_at, frame->line_pixels, 2);
	if (model->temperature_at)
		put_register(&line, model->temperature_at, TEMPERATURE_C, 1);
	for (i = 0; i < LINE_END_BYTES; i++)
		put_byte(&line, LINE_END);
}

/* ---- life ---- */

static const struct model *find_model(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(models); i++) {
		if (!strcmp(models[i].name, name))
			return &models[i];
	}
	return NULL;
}

static int init_subdev(struct pi_sensor *sensor, struct device *dev)
{
	struct v4l2_subdev *sd = &sensor->sd;
	int ret;

	v4l2_subdev_init(sd, &sensor_ops);
	sd->internal_ops = &internal_ops;
	sd->owner = dev->driver->owner;
	sd->dev = dev;
	sd->flags |= V4L2_SUBDEV_FL_HAS_DEVNODE | V4L2_SUBDEV_FL_HAS_EVENTS;
	sd->ctrl_handler = &sensor->handler;
	sd->state_lock = sensor->handler.lock;
	snprintf(sd->name, sizeof(sd->name), "%s %s", sensor->model->name, sensor->model->address);
	sd->entity.function = MEDIA_ENT_F_CAM_SENSOR;
	sensor->pads[IMAGE_PAD].flags = MEDIA_PAD_FL_SOURCE;
	sensor->pads[EMBEDDED_PAD].flags = MEDIA_PAD_FL_SOURCE;
	ret = media_entity_pads_init(&sd->entity, pi_sensor_pads(sensor), sensor->pads);
	return ret ?: v4l2_subdev_init_finalize(sd);
}

struct pi_sensor *pi_sensor_create(const char *name, int embedded, u32 rotation, struct device *dev)
{
	const struct model *model = find_model(name);
	struct pi_sensor *sensor;
	int ret;

	if (!model)
		return ERR_PTR(-EINVAL);
	sensor = kzalloc(sizeof(*sensor), GFP_KERNEL);
	if (!sensor)
		return ERR_PTR(-ENOMEM);
	sensor->model = model;
	sensor->mode = model->modes;
	sensor->bits = model->modes[0].bits[0];
	sensor->has_embedded = embedded < 0 ? model->has_embedded : embedded;
	sensor->rotation = rotation;
	ret = add_controls(sensor, rotation) ?: init_subdev(sensor, dev);
	if (!ret)
		return sensor;
	pi_sensor_destroy(sensor);
	return ERR_PTR(ret);
}

void pi_sensor_destroy(struct pi_sensor *sensor)
{
	v4l2_subdev_cleanup(&sensor->sd);
	media_entity_cleanup(&sensor->sd.entity);
	v4l2_ctrl_handler_free(&sensor->handler);
	kfree(sensor);
}

static long call(struct file *file, unsigned int number, unsigned long argument)
{
	const struct pi_sensor *sensor = sensor_of(vdev_to_v4l2_subdev(video_devdata(file)));

	return pi_fault_call("sensor", file, number, argument, sensor->usual_calls->unlocked_ioctl);
}

/* Once the sub-device has a node: its calls pass by the faults. */
void pi_sensor_prepare_calls(struct pi_sensor *sensor)
{
	struct video_device *node = sensor->sd.devnode;

	sensor->usual_calls = node->fops;
	sensor->calls = *node->fops;
	sensor->calls.unlocked_ioctl = call;
	node->fops = &sensor->calls;
}

struct v4l2_subdev *pi_sensor_subdev(struct pi_sensor *sensor)
{
	return &sensor->sd;
}

u32 pi_sensor_pads(const struct pi_sensor *sensor)
{
	return sensor->has_embedded ? 2 : 1;
}
