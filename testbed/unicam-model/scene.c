// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the sensor sees: colour bars that move by one pixel pair a frame, and in the top left
 * corner the frame's number as 16 black or white squares, the most significant bit first, which
 * stay upright where the sensor flips the picture. Written as Bayer rows of the sensor's depth
 * and packing.
 */
#include <linux/minmax.h>
#include <linux/string.h>

#include "model.h"

#define BLACK		64	/* of 10 bits */
#define WHITE		1023
#define BAR_WIDTH	80
#define SQUARE		16
#define NUMBER_BITS	16
#define ROW_MAX		(4096 * 2)

#define PATTERN_SOLID	1
#define PATTERN_BARS	2

/* Colours of Bayer sites, in the order of the sensor's registers. */
enum site { RED, GREEN_R, BLUE, GREEN_B };

/* Bars: white, yellow, cyan, green, magenta, red, blue, black. */
static const u8 bars[8] = { 7, 6, 3, 2, 5, 4, 1, 0 };

static enum site site_at(const struct sensor_frame *frame, u32 x, u32 y)
{
	u32 column = (x ^ frame->orientation) & 1;
	u32 row = (y ^ frame->orientation >> 1) & 1;

	if (row)
		return column ? BLUE : GREEN_B;
	return column ? GREEN_R : RED;
}

static bool bar_shines(u32 x, enum site site)
{
	u8 colours = bars[x / BAR_WIDTH % 8];

	switch (site) {
	case RED:
		return colours & 4;
	case BLUE:
		return colours & 1;
	default:
		return colours & 2;
	}
}

static bool number_shines(const struct sensor_frame *frame, u32 x)
{
	return frame->sequence >> (NUMBER_BITS - 1 - x / SQUARE) & 1;
}

/*
 * How bright a site is when fully lit, in 1/1024; the colours differ as in daylight. The bars are
 * pale, as most things are that a white balance is made for.
 */
static u32 light(const struct sensor_frame *frame, u32 x, u32 y)
{
	static const u16 response[] = { 617, 1024, 687, 1024 };
	enum site site = site_at(frame, x, y);

	if (y < SQUARE && x < SQUARE * NUMBER_BITS)
		return number_shines(frame, x) ? response[site] : 0;
	if (frame->orientation & 1)
		x = frame->width - 1 - x;
	return bar_shines(x + 2 * frame->sequence, site) ? response[site] : response[site] / 2;
}

static u16 pixel(const struct sensor_frame *frame, u32 x, u32 y)
{
	enum site site = site_at(frame, x, y);
	u32 level;

	if (frame->test_pattern == PATTERN_SOLID)
		return frame->solid[site];
	if (frame->test_pattern == PATTERN_BARS)
		return bar_shines(x, site) ? WHITE : BLACK;
	level = light(frame, x, y) * frame->level >> 10;
	return min_t(u32, BLACK + level * (WHITE - BLACK) / 1024, WHITE);
}

static void put(u8 *row, u32 x, u16 value, u32 bits, bool unpacked)
{
	u8 *group = row + x / 4 * 5;

	if (bits == 8) {
		row[x] = value >> 2;
	} else if (unpacked) {
		((u16 *)row)[x] = value;
	} else {
		group[x % 4] = value >> 2;
		group[4] |= (value & 3) << (x % 4 * 2);
	}
}

static void render_row(const struct sensor_frame *frame, u32 y, u8 *row, size_t bytes, bool unpacked)
{
	u32 width = bytes * 8 / (unpacked ? 16 : frame->bits);
	u32 x;

	memset(row, 0, bytes);
	for (x = 0; x < min(frame->width, width); x++)
		put(row, x, pixel(frame, x, y), frame->bits, unpacked);
}

/* Two rows differ, by their colours and from those under the number: the others repeat them. */
void scene_render(const struct sensor_frame *frame, const struct frame_memory *memory)
{
	u32 rows = memory->stride ? memory->bytes / memory->stride : 0;
	u8 *row = memory->start;
	u32 y;

	for (y = 0; y < min(rows, frame->height); y++, row += memory->stride) {
		if (y % SQUARE < 2 && y < SQUARE + 2)
			render_row(frame, y, row, min_t(size_t, memory->stride, ROW_MAX), memory->unpacked);
		else
			memcpy(row, row - 2 * memory->stride, memory->stride);
	}
}
