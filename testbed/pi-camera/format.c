// SPDX-License-Identifier: GPL-2.0-only
/* The formats of pictures, and the strides that the drivers give them. */
#include <linux/videodev2.h>
#include <linux/media-bus-format.h>
#include <media/v4l2-common.h>

#include "pi-camera.h"

#define STRIDE_MAX		(1 << 18)

#define RAW(pixels, bus, bits_, depth_, order_) {		\
	.fourcc = V4L2_PIX_FMT_S##pixels,			\
	.layout = PI_RAW,					\
	.depth = depth_,					\
	.stride_align = 32,					\
	.code = MEDIA_BUS_FMT_S##bus,				\
	.bits = bits_,						\
	.order = order_,					\
}

#define BAYER(colours, order)					\
	RAW(colours##10P, colours##10_1X10, 10, 10, order),	\
	RAW(colours##10, colours##10_1X10, 10, 16, order),	\
	RAW(colours##8, colours##8_1X8, 8, 8, order),		\
	RAW(colours##12P, colours##12_1X12, 12, 12, order),	\
	RAW(colours##12, colours##12_1X12, 12, 16, order),	\
	RAW(colours##14P, colours##14_1X14, 14, 14, order),	\
	RAW(colours##14, colours##14_1X14, 14, 16, order),	\
	RAW(colours##16, colours##16_1X16, 16, 16, order)

static const struct pi_format raw_formats[] = {
	BAYER(RGGB, 0), BAYER(GRBG, 1), BAYER(GBRG, 2), BAYER(BGGR, 3),
};

static const struct pi_format output_formats[] = {
	{ V4L2_PIX_FMT_YUV420, PI_PLANAR, 8, 64 },
	{ V4L2_PIX_FMT_YVU420, PI_PLANAR, 8, 64, .place = { 1 } },
	{ V4L2_PIX_FMT_NV12, PI_SEMIPLANAR, 8, 32 },
	{ V4L2_PIX_FMT_NV21, PI_SEMIPLANAR, 8, 32, .place = { 1 } },
	{ V4L2_PIX_FMT_YUYV, PI_YUV422, 16, 64, .place = { 0, 1, 2, 3 } },
	{ V4L2_PIX_FMT_YVYU, PI_YUV422, 16, 64, .place = { 0, 3, 2, 1 } },
	{ V4L2_PIX_FMT_UYVY, PI_YUV422, 16, 64, .place = { 1, 0, 3, 2 } },
	{ V4L2_PIX_FMT_VYUY, PI_YUV422, 16, 64, .place = { 1, 2, 3, 0 } },
	{ V4L2_PIX_FMT_RGB24, PI_RGB, 24, 32, .place = { 0, 1, 2 } },
	{ V4L2_PIX_FMT_BGR24, PI_RGB, 24, 32, .place = { 2, 1, 0 } },
	{ V4L2_PIX_FMT_XBGR32, PI_RGB, 32, 64, .place = { 2, 1, 0 } },
	{ V4L2_PIX_FMT_RGBX32, PI_RGB, 32, 64, .place = { 0, 1, 2 } },
};

static const struct pi_format *formats_of(bool raw, u32 *count)
{
	*count = raw ? ARRAY_SIZE(raw_formats) : ARRAY_SIZE(output_formats);
	return raw ? raw_formats : output_formats;
}

/* The format at an index, among those of a code of the media bus if that is not 0. */
const struct pi_format *pi_format_at(bool raw, u32 code, u32 index)
{
	const struct pi_format *formats;
	u32 count, i;

	formats = formats_of(raw, &count);
	for (i = 0; i < count; i++) {
		if ((!code || formats[i].code == code) && !index--)
			return &formats[i];
	}
	return NULL;
}

const struct pi_format *pi_format_find(bool raw, u32 fourcc)
{
	const struct pi_format *formats;
	u32 count, i;

	formats = formats_of(raw, &count);
	for (i = 0; i < count; i++) {
		if (formats[i].fourcc == fourcc)
			return &formats[i];
	}
	return NULL;
}

/* The code under which a sensor sends samples. */
u32 pi_format_code(u32 order, u32 bits)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(raw_formats); i++) {
		if (raw_formats[i].order == order && raw_formats[i].bits == bits)
			return raw_formats[i].code;
	}
	return 0;
}

/* The bits of a sample under a code; 0 if it is none of Bayer samples. */
u32 pi_format_bits(u32 code)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(raw_formats); i++) {
		if (raw_formats[i].code == code)
			return raw_formats[i].bits;
	}
	return 0;
}

static void set_raw_colour(struct v4l2_pix_format *pix)
{
	pix->colorspace = V4L2_COLORSPACE_RAW;
	pix->xfer_func = V4L2_XFER_FUNC_NONE;
	pix->ycbcr_enc = V4L2_YCBCR_ENC_601;
	pix->quantization = V4L2_QUANTIZATION_FULL_RANGE;
}

/*
 * The ISP makes whatever colours it is asked for. What was left to the defaults is spelled out:
 * libcamera tells RGB from YCbCr by that.
 */
static void set_output_colour(struct v4l2_pix_format *pix, bool is_rgb)
{
	if (!v4l2_is_colorspace_valid(pix->colorspace) || pix->colorspace == V4L2_COLORSPACE_RAW)
		pix->colorspace = V4L2_COLORSPACE_SRGB;
	if (!v4l2_is_xfer_func_valid(pix->xfer_func))
		pix->xfer_func = V4L2_MAP_XFER_FUNC_DEFAULT(pix->colorspace);
	if (!v4l2_is_ycbcr_enc_valid(pix->ycbcr_enc))
		pix->ycbcr_enc = V4L2_MAP_YCBCR_ENC_DEFAULT(pix->colorspace);
	if (!v4l2_is_quant_valid(pix->quantization))
		pix->quantization = V4L2_MAP_QUANTIZATION_DEFAULT(is_rgb, pix->colorspace, pix->ycbcr_enc);
}

/* What a driver makes of a wish. It refuses nothing. */
void pi_format_adjust(struct v4l2_pix_format *pix, bool raw, u32 side_min)
{
	const struct pi_format *format = pi_format_find(raw, pix->pixelformat) ?: pi_format_at(raw, 0, 0);
	bool is_420 = format->layout == PI_PLANAR || format->layout == PI_SEMIPLANAR;
	u32 stride_min;

	pix->pixelformat = format->fourcc;
	pix->width = clamp(pix->width & ~1u, side_min, PI_SIDE_MAX);
	pix->height = clamp(pix->height & ~1u, side_min, PI_SIDE_MAX);
	stride_min = DIV_ROUND_UP(pix->width * format->depth, 8);
	pix->bytesperline = ALIGN(clamp(pix->bytesperline, stride_min, STRIDE_MAX),
				  format->stride_align);
	pix->sizeimage = pix->bytesperline * pix->height * (is_420 ? 3 : 2) / 2;
	pix->field = V4L2_FIELD_NONE;
	pix->flags = 0;
	if (raw)
		set_raw_colour(pix);
	else
		set_output_colour(pix, format->layout == PI_RGB);
}
