/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A Unicam receiver and an IMX219 sensor at the level of their registers.
 */
#ifndef UNICAM_MODEL_H
#define UNICAM_MODEL_H

#include <linux/types.h>

struct platform_device;

/* What applies to a frame, latched at its start. */
struct sensor_frame {
	u32 sequence;		/* since streaming began */
	u32 width, height;	/* pixels */
	u32 bits;		/* per pixel: 8 or 10 */
	u32 orientation;	/* bit 0: flipped left to right, bit 1: top to bottom */
	u32 exposure, gain;	/* lines, code of the analogue gain */
	u32 lines, line_pixels;	/* of a frame and a line, with blanking */
	u32 level;		/* of white, in 1/1024 of the range above black */
	u32 test_pattern;	/* as in the sensor's register */
	u16 solid[4];		/* R, Gr, B, Gb of the solid test pattern, 10 bits */
	u64 duration_ns;
	u64 readout_ns;		/* from its start to its last line */
};

/* Where a receiver wants the pixels, and how. */
struct frame_memory {
	u8 *start;
	size_t bytes;
	u32 stride;
	bool unpacked;		/* 10 bits in 16 */
};

/* sensor.c: registers, I2C, timing. Knows nothing of the receiver. */
int sensor_init(struct platform_device *bus);
bool sensor_streams(void);
u32 sensor_starts(void);
void sensor_latch(struct sensor_frame *frame);

/* scene.c: pixels. Knows no registers. */
void scene_render(const struct sensor_frame *frame, const struct frame_memory *memory);

/* record.c: what the last frames were taken with. */
void record_init(void);
void record_frame(const struct sensor_frame *frame);

/* receiver.c: registers and interrupts. Knows nothing of the sensor. */
int receiver_init(void);
int receiver_add_interrupts(struct platform_device *controller);
bool receiver_is_enabled(void);
bool receiver_frame_start(struct frame_memory *memory, u32 width, u32 height);
void receiver_line(u32 line);
void receiver_frame_end(void);

#endif
