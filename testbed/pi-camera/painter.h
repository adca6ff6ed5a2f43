/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the module and a process that paints say to each other through /dev/pi-camera-painter.
 *
 * The process reads a job, maps its buffers, fills those that are to be filled, and writes an
 * answer. Each buffer lies at a place of its own in the device: that of its slot. It can be
 * touched until the answer is given, or the module has waited for too long (SIGBUS from then on).
 */
#ifndef PI_CAMERA_PAINTER_H
#define PI_CAMERA_PAINTER_H

#include <linux/types.h>

/* Another number: another meaning of what follows. */
#define PI_PAINTER_VERSION	1

/* Slot n begins at n times so many bytes. */
#define PI_PAINTER_SLOT_BYTES	(64u << 20)

enum {
	PI_PAINTER_RAW,		/* to be filled in PI_PAINTER_EXPOSE, else the input */
	PI_PAINTER_OUTPUT0,
	PI_PAINTER_OUTPUT1,
	PI_PAINTER_STATISTICS,	/* in the hardware's layout */
	PI_PAINTER_LENS_TABLE,	/* to be read */
	PI_PAINTER_SLOTS
};

/* The first of these have a picture. */
#define PI_PAINTER_PICTURES	3

enum {
	PI_PAINTER_EXPOSE = 1,	/* the sensor takes a frame */
	PI_PAINTER_PROCESS = 2,	/* the ISP processes one */
};

/* A picture in a slot, in V4L2's numbers. */
struct pi_painter_picture {
	__u32 fourcc;
	__u32 width, height;
	__u32 stride;		/* bytes */
	__u32 colorspace, xfer_func, ycbcr_enc, quantization;
};

/* What a frame is taken with. */
struct pi_painter_frame {
	char sensor[16];
	__u32 rotation;		/* how the sensor is mounted, in degrees */
	__u32 width, height;	/* of the mode */
	__u32 flips;		/* bit 0: across, bit 1: down */
	__u32 exposure;		/* lines */
	__u32 gain;		/* code */
	__u32 lines, line_pixels;	/* of a frame and a line, with blanking */
	__u32 sequence;
	__u32 lux, kelvin;	/* of the light */
};

/*
 * The structures of linux/bcm2835-isp.h of Raspberry Pi's kernel, one after the other: colour
 * matrix, lens shading, black level, green equalisation, gamma, denoise, sharpen, defective pixels,
 * colour denoise.
 */
#define PI_PAINTER_STRUCTURES_BYTES	(88 + 36 + 12 + 16 + 136 + 24 + 28 + 8 + 8)

/* What the ISP is told. */
struct pi_painter_run {
	__u32 red_gain, blue_gain, digital_gain;	/* thousandths */
	__s32 crop_left, crop_top;
	__u32 crop_width, crop_height;
	__u8 structures[PI_PAINTER_STRUCTURES_BYTES];
};

struct pi_painter_job {
	__u32 version;
	__u32 kind;
	__u64 number;
	__u64 timestamp_ns;	/* of the frame, on the monotonic clock */
	__u32 bytes[PI_PAINTER_SLOTS];	/* of each slot's buffer; 0: it has none */
	struct pi_painter_picture pictures[PI_PAINTER_PICTURES];
	struct pi_painter_frame frame;
	struct pi_painter_run run;
};

/* What is written: the job is done, or (an error number above 0) the module has to do it. */
struct pi_painter_answer {
	__u64 number;
	__u32 error;
	__u32 reserved;
};

#endif
