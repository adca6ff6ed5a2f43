// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the ISP makes of samples: a small model. Black level, gains, matrix and curve are applied
 * to one 2x2 cell for every two pixels across and eight down; the statistics are of the same
 * numbers, from a grid of cells. No lens shading, denoising or sharpening.
 */
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/videodev2.h>

#include "pi-camera.h"

#define WHITE		65535
#define BAND		8	/* rows that are alike */

#define HISTOGRAM_BINS	128
#define AWB_ACROSS	16
#define AWB_DOWN	12
#define AGC_ACROSS	5
#define AGC_DOWN	3
#define ZONE_CELLS	8	/* cells looked at across and down a zone */
#define SATURATED	64000
#define SUM_SHIFT	3	/* sums are of 13 bits */
#define STATISTICS_VERSION 1

struct region {
	u32 counted, notcounted;
	u64 sums[3];
};

struct statistics {
	u32 version, size;
	u32 histograms[2][3][HISTOGRAM_BINS];
	struct region awb[AWB_ACROSS * AWB_DOWN];
	struct region floating[16];
	struct region agc[16];
	u8 focus[12][48];
};

static_assert(sizeof(struct statistics) == 10824);

u32 pi_statistics_bytes(void)
{
	return sizeof(struct statistics);
}

struct pi_picture pi_picture_of(struct pi_node *node, struct pi_buffer *buffer)
{
	return (struct pi_picture){
		.start = pi_buffer_memory(buffer),
		.width = node->pix.width, .height = node->pix.height,
		.stride = node->pix.bytesperline, .bytes = node->pix.sizeimage,
		.format = pi_format_find(node->raw, node->pix.pixelformat),
	};
}

/* ---- samples ---- */

static u32 packed(const u8 *row, u32 x, u32 bits)
{
	u32 group_pixels = bits == 12 ? 2 : 4;
	const u8 *group = row + x / group_pixels * (group_pixels * bits / 8);
	u32 rest_bits = bits - 8;
	u32 at = x % group_pixels * rest_bits;
	u32 rest = group[group_pixels + at / 8] >> at % 8;

	if (at % 8 + rest_bits > 8)
		rest |= group[group_pixels + at / 8 + 1] << (8 - at % 8);
	return group[x % group_pixels] << rest_bits | (rest & GENMASK(rest_bits - 1, 0));
}

/* A sample, on a scale of 16 bits. */
static u32 sample(const struct pi_picture *in, u32 x, u32 y)
{
	const u8 *row = in->start + y * in->stride;
	u32 shift = 16 - in->format->bits;

	switch (in->format->depth) {
	case 16:
		return (((const u16 *)row)[x] << shift) & WHITE;
	case 8:
		return row[x] << shift;
	default:
		return packed(row, x, in->format->bits) << shift;
	}
}

struct colour {
	u32 rgb[3];
};

static u32 without_black(u32 value, u32 black)
{
	if (value <= black || black >= WHITE)
		return 0;
	return (u64)(value - black) * WHITE / (WHITE - black);
}

/* Red, green and blue of the cell at an even place; of its greens one counts. */
static struct colour cell(const struct pi_isp_parameters *parameters, const struct pi_picture *in,
			  u32 x, u32 y)
{
	u32 across = in->format->order & 1, down = in->format->order >> 1;

	return (struct colour){ {
		without_black(sample(in, x + across, y + down), parameters->black[0]),
		without_black(sample(in, x + !across, y + down), parameters->black[1]),
		without_black(sample(in, x + !across, y + !down), parameters->black[2]),
	} };
}

static struct colour amplified(const struct pi_isp_parameters *parameters, struct colour in)
{
	struct colour out;
	int i;

	for (i = 0; i < 3; i++)
		out.rgb[i] = min_t(u64, (u64)in.rgb[i] * parameters->gains[i] >> 10, WHITE);
	return out;
}

static struct colour corrected(const struct pi_isp_parameters *parameters, struct colour in)
{
	const s32 *row = parameters->matrix;
	struct colour out;
	int i;

	if (!parameters->has_matrix)
		return in;
	for (i = 0; i < 3; i++, row += 3) {
		s64 sum = (s64)row[0] * in.rgb[0] + (s64)row[1] * in.rgb[1] + (s64)row[2] * in.rgb[2];

		out.rgb[i] = clamp_t(s64, sum >> 10, 0, WHITE);
	}
	return out;
}

/* ---- pictures ---- */

/* Two pixels of a row; the components are those of the format, R, G, B or Y, Cb, Cr. */
struct pair {
	u8 components[3];
};

/* What makes Y, Cb and Cr of R, G and B; times 1024. */
struct conversion {
	s32 red, blue;		/* their parts of luma */
	s32 luma, chroma;	/* ranges */
	s32 black;
};

static struct conversion conversion_to(const struct v4l2_pix_format *pix)
{
	bool is_709 = pix->ycbcr_enc == V4L2_YCBCR_ENC_709;
	bool is_full = pix->quantization == V4L2_QUANTIZATION_FULL_RANGE;

	return (struct conversion){
		.red = is_709 ? 218 : 306, .blue = is_709 ? 74 : 117,
		.luma = is_full ? 1024 : 879, .chroma = is_full ? 1024 : 900,
		.black = is_full ? 0 : 16,
	};
}

static u8 chroma(s32 difference, s32 part, s32 range)
{
	return clamp(128 + difference * 512 / (1024 - part) * range / 1024, 0, 255);
}

static struct pair to_ycbcr(const struct conversion *to, const u8 rgb[3])
{
	s32 luma = (to->red * rgb[0] + (1024 - to->red - to->blue) * rgb[1] + to->blue * rgb[2]) >> 10;

	return (struct pair){ {
		to->black + (luma * to->luma >> 10),
		chroma(rgb[2] - luma, to->blue, to->chroma),
		chroma(rgb[0] - luma, to->red, to->chroma),
	} };
}

static struct pair develop_cell(const struct pi_isp_parameters *parameters,
				const struct pi_picture *in, u32 x, u32 y)
{
	struct colour colour = cell(parameters, in, x, y);
	struct pair rgb;
	int i;

	colour = corrected(parameters, amplified(parameters, colour));
	for (i = 0; i < 3; i++)
		rgb.components[i] = parameters->curve[colour.rgb[i] >> 6];
	return rgb;
}

/* The cell of the input that a place of the output shows. */
static u32 source(u32 at, u32 size, s32 crop_start, u32 crop_size)
{
	return (crop_start + (u32)((u64)at * crop_size / size)) & ~1u;
}

static void develop_row(const struct pi_isp_parameters *parameters, const struct pi_picture *in,
			const struct conversion *to, const struct pi_picture *out, u32 y,
			struct pair *pairs)
{
	const struct v4l2_rect *crop = &parameters->crop;
	u32 from_y = source(y, out->height, crop->top, crop->height);
	u32 x;

	for (x = 0; x < out->width; x += 2) {
		u32 from_x = source(x, out->width, crop->left, crop->width);
		struct pair rgb = develop_cell(parameters, in, from_x, from_y);

		pairs[x / 2] = out->format->layout == PI_RGB ? rgb : to_ycbcr(to, rgb.components);
	}
}

static void write_rgb(const struct pi_format *format, const struct pair *pairs, u32 width, u8 *row)
{
	u32 bytes = format->depth / 8, x, i;

	for (x = 0; x < width; x++, row += bytes) {
		for (i = 0; i < 3; i++)
			row[format->place[i]] = pairs[x / 2].components[i];
		if (bytes == 4)
			row[3] = 0xff;
	}
}

static void write_422(const struct pi_format *format, const struct pair *pairs, u32 width, u8 *row)
{
	u32 x;

	for (x = 0; x < width; x += 2, row += 4) {
		const u8 *components = pairs[x / 2].components;

		row[format->place[0]] = components[0];
		row[format->place[1]] = components[1];
		row[format->place[2]] = components[0];
		row[format->place[3]] = components[2];
	}
}

static void write_luma(const struct pair *pairs, u32 width, u8 *row)
{
	u32 x;

	for (x = 0; x < width; x++)
		row[x] = pairs[x / 2].components[0];
}

static void write_row(const struct pi_picture *out, const struct pair *pairs, u32 y)
{
	u8 *row = out->start + y * out->stride;

	switch (out->format->layout) {
	case PI_RGB:
		write_rgb(out->format, pairs, out->width, row);
		break;
	case PI_YUV422:
		write_422(out->format, pairs, out->width, row);
		break;
	default:
		write_luma(pairs, out->width, row);
	}
}

/* One row of the chroma planes of 4:2:0; the index is that of the row. */
static void write_chroma(const struct pi_picture *out, const struct pair *pairs, u32 index)
{
	u8 *planes = out->start + out->height * out->stride;
	bool is_planar = out->format->layout == PI_PLANAR;
	u32 stride = is_planar ? out->stride / 2 : out->stride;
	u32 step = is_planar ? 1 : 2;
	u8 *first = planes + index * stride;
	u8 *second = is_planar ? first + out->height / 2 * stride : first + 1;
	u32 cr_first = out->format->place[0], x;

	for (x = 0; x < out->width / 2; x++) {
		first[x * step] = pairs[x].components[1 + cr_first];
		second[x * step] = pairs[x].components[2 - cr_first];
	}
}

/* Rows of a band repeat the first. */
static void repeat_row(const struct pi_picture *out, u32 y)
{
	u8 *row = out->start + y * out->stride;

	memcpy(row, row - out->stride, out->stride);
}

static void write_band(const struct pi_picture *out, const struct pair *pairs, u32 top)
{
	bool is_420 = out->format->layout == PI_PLANAR || out->format->layout == PI_SEMIPLANAR;
	u32 end = min(top + BAND, out->height), y;

	write_row(out, pairs, top);
	for (y = top + 1; y < end; y++)
		repeat_row(out, y);
	for (y = top; is_420 && y < end; y += 2)
		write_chroma(out, pairs, y / 2);
}

void pi_picture_develop(const struct pi_isp_parameters *parameters, const struct pi_picture *in,
			const struct v4l2_pix_format *pix, const struct pi_picture *out)
{
	struct conversion to = conversion_to(pix);
	struct pair *pairs = kvmalloc_array(out->width / 2, sizeof(*pairs), GFP_KERNEL);
	u32 y;

	if (!pairs)
		return;
	for (y = 0; y < out->height; y += BAND) {
		develop_row(parameters, in, &to, out, y, pairs);
		write_band(out, pairs, y);
		cond_resched();
	}
	kvfree(pairs);
}

/* ---- statistics ---- */

static void count(u32 histogram[3][HISTOGRAM_BINS], const struct colour *colour)
{
	int i;

	for (i = 0; i < 3; i++)
		histogram[i][colour->rgb[i] * HISTOGRAM_BINS >> 16]++;
}

static void sum(struct region *region, const struct colour *colour)
{
	int i;

	region->counted++;
	for (i = 0; i < 3; i++)
		region->sums[i] += colour->rgb[i] >> SUM_SHIFT;
}

static bool is_saturated(const struct colour *colour)
{
	return max3(colour->rgb[0], colour->rgb[1], colour->rgb[2]) >= SATURATED;
}

/* The grid's columns and rows are counted over all zones. */
static void measure_cell(const struct pi_isp_parameters *parameters, const struct pi_picture *in,
			 struct statistics *out, u32 column, u32 row)
{
	const struct v4l2_rect *crop = &parameters->crop;
	u32 columns = AWB_ACROSS * ZONE_CELLS, rows = AWB_DOWN * ZONE_CELLS;
	struct region *zone = &out->awb[row / ZONE_CELLS * AWB_ACROSS + column / ZONE_CELLS];
	u32 exposure_row = row * AGC_DOWN / rows, exposure_column = column * AGC_ACROSS / columns;
	struct region *exposure = &out->agc[exposure_row * AGC_ACROSS + exposure_column];
	u32 x = source(column, columns, crop->left, crop->width);
	u32 y = source(row, rows, crop->top, crop->height);
	struct colour colour = cell(parameters, in, x, y);
	struct colour bright = amplified(parameters, colour);

	count(out->histograms[0], &colour);
	count(out->histograms[1], &bright);
	sum(exposure, &colour);
	if (is_saturated(&colour))
		zone->notcounted++;
	else
		sum(zone, &colour);
}

void pi_picture_measure(const struct pi_isp_parameters *parameters, const struct pi_picture *in,
			void *statistics)
{
	struct statistics *out = statistics;
	u32 column, row;

	memset(out, 0, sizeof(*out));
	out->version = STATISTICS_VERSION;
	out->size = sizeof(*out);
	for (row = 0; row < AWB_DOWN * ZONE_CELLS; row++) {
		for (column = 0; column < AWB_ACROSS * ZONE_CELLS; column++)
			measure_cell(parameters, in, out, column, row);
	}
}
