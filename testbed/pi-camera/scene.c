// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the sensor sees: grey and coloured strips that move by a pixel pair a frame, as bright as
 * light, exposure and gain make them; in the top left corner the frame's number as 16 black or
 * white squares, the most significant bit first.
 */
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "pi-camera.h"

#define WHITE		65535
#define STRIP_WIDTH	128
#define SQUARE		16
#define NUMBER_BITS	16

enum { PATTERN_NONE, PATTERN_BARS, PATTERN_SOLID };

/* How much red, green and blue the strips reflect, in 1/1024. */
static const u16 strips[][3] = {
	{ 184, 184, 184 }, { 922, 922, 922 }, { 92, 92, 92 }, { 300, 150, 120 },
	{ 184, 184, 184 }, { 120, 220, 130 }, { 410, 410, 410 }, { 100, 140, 320 },
	{ 184, 184, 184 }, { 31, 31, 31 }, { 400, 300, 230 }, { 184, 184, 184 },
};

/* How far white fills a pixel of each colour, of 65536. */
struct light {
	u64 levels[3];
};

static struct light light_of(const struct pi_frame *frame)
{
	u64 exposure_ns = (u64)frame->exposure * frame->line_ps / 1000;
	u64 filled_ppm = div_u64((u64)frame->sensitivity * pi_light.lux * div_u64(exposure_ns, 1000),
				 1000000);
	u64 level = div_u64(min_t(u64, filled_ppm, 1ULL << 40) * frame->gain_256 * 256, 1000000);
	u32 red = pi_light.white_red ?: frame->white_red;
	u32 blue = pi_light.white_blue ?: frame->white_blue;

	return (struct light){ { level * red >> 10, level, level * blue >> 10 } };
}

/* Red, green or blue: 0 to 2. */
static u32 colour_at(const struct pi_frame *frame, u32 x, u32 y)
{
	return ((x ^ frame->order) & 1) + ((y ^ frame->order >> 1) & 1);
}

static u32 reflection(const struct pi_frame *frame, u32 x, u32 y, u32 colour)
{
	u32 seen = x + 2 * frame->sequence;

	if (y < SQUARE && x < SQUARE * NUMBER_BITS)
		return frame->sequence >> (NUMBER_BITS - 1 - x / SQUARE) & 1 ? 922 : 0;
	return strips[seen / STRIP_WIDTH % ARRAY_SIZE(strips)][colour];
}

/* A pixel's value, on a scale of 16 bits. */
static u32 pixel(const struct pi_frame *frame, const struct light *light, u32 x, u32 y)
{
	u32 colour = colour_at(frame, x, y);

	if (frame->test_pattern == PATTERN_BARS)
		return x * 8 / frame->width >> colour & 1 ? PI_BLACK : WHITE;
	if (frame->test_pattern == PATTERN_SOLID)
		return WHITE / 2;
	return PI_BLACK + min_t(u64, light->levels[colour] * reflection(frame, x, y, colour) >> 10,
				WHITE - PI_BLACK);
}

/* Packed samples have their high bytes first, the rest in the last bytes of each group. */
static void put_packed(u8 *row, u32 x, u32 value, u32 bits)
{
	u32 group_pixels = bits == 12 ? 2 : 4;
	u8 *group = row + x / group_pixels * (group_pixels * bits / 8);
	u32 rest_bits = bits - 8;
	u32 at = x % group_pixels * rest_bits;
	u32 rest = (value & GENMASK(rest_bits - 1, 0)) << at % 8;

	group[x % group_pixels] = value >> rest_bits;
	group[group_pixels + at / 8] |= rest;
	if (rest >> 8)
		group[group_pixels + at / 8 + 1] |= rest >> 8;
}

static void put(const struct pi_format *format, u8 *row, u32 x, u32 value)
{
	value >>= 16 - format->bits;
	if (format->depth == 16)
		((u16 *)row)[x] = value;
	else if (format->depth == 8)
		row[x] = value;
	else
		put_packed(row, x, value, format->bits);
}

static void render_row(const struct pi_frame *frame, const struct light *light,
		       const struct pi_picture *out, u32 y)
{
	u8 *row = out->start + y * out->stride;
	u32 x;

	memset(row, 0, out->stride);
	for (x = 0; x < min(frame->width, out->width); x++)
		put(out->format, row, x, pixel(frame, light, x, y));
}

/* Two rows differ, by their colours and from those under the number: the others repeat them. */
void pi_scene_render(const struct pi_frame *frame, const struct pi_picture *out)
{
	struct light light = light_of(frame);
	u32 y;

	for (y = 0; y < min(frame->height, out->height); y++) {
		u8 *row = out->start + y * out->stride;

		if (y % SQUARE < 2 && y < SQUARE + 2)
			render_row(frame, &light, out, y);
		else
			memcpy(row, row - 2 * out->stride, out->stride);
		if (y % 256 == 0)
			cond_resched();
	}
}
