// SPDX-License-Identifier: GPL-2.0-only
/*
 * An IMX219: its registers on an I2C bus, the time that its frames take, and when settings take
 * effect. Register addresses as in the kernel's imx219 driver.
 */
#include <linux/i2c.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "model.h"

#define BUS_NUMBER		10	/* as on a Raspberry Pi */
#define ADDRESS			0x10
#define PIXEL_RATE		182400000ULL

#define CHIP_ID			0x0000
#define MODE_SELECT		0x0100
#define ANALOG_GAIN		0x0157
#define DIGITAL_GAIN		0x0158
#define EXPOSURE		0x015a
#define FRAME_LENGTH		0x0160
#define LINE_LENGTH		0x0162
#define OUTPUT_WIDTH		0x016c
#define OUTPUT_HEIGHT		0x016e
#define ORIENTATION		0x0172
#define BINNING_H		0x0174
#define BINNING_V		0x0175
#define DATA_FORMAT		0x018c
#define TEST_PATTERN		0x0600
#define TEST_RED		0x0602

#define BINNING_ANALOG		3
#define GAIN_MAX		232

/* Lines of exposure at a gain of 1, in usual light, that make white as bright as can be. */
#define FULL_EXPOSURE		3200
#define USUAL_LUX		500

static unsigned int lux = USUAL_LUX;
module_param(lux, uint, 0644);
MODULE_PARM_DESC(lux, "how bright it is");

static bool no_answer;
module_param(no_answer, bool, 0644);
MODULE_PARM_DESC(no_answer, "fault: the sensor acknowledges nothing on its bus");

static u8 registers[0x10000];
static DEFINE_SPINLOCK(lock);

/* Whether no frame was latched since streaming began. */
static bool is_fresh;
static u32 starts;

/* Exposure and frame length of the frames that are under way, oldest first. */
static u32 exposures[2], lengths[2];

static u32 word(u16 address)
{
	return registers[address] << 8 | registers[address + 1];
}

static bool is_binned_analog(void)
{
	return registers[BINNING_H] == BINNING_ANALOG && registers[BINNING_V] == BINNING_ANALOG;
}

/* Exposure and frame length take effect two frames after they are written, gains one. */
static void advance(u32 *settings, u32 written)
{
	settings[0] = is_fresh ? written : settings[1];
	settings[1] = written;
}

static u32 level_of(u32 exposure, u32 gain)
{
	u64 light = (u64)exposure * 256 * word(DIGITAL_GAIN) * READ_ONCE(lux);

	return min_t(u64, div64_u64(light * 1024, (256 - gain) * 256ULL * FULL_EXPOSURE * USUAL_LUX),
		     1 << 14);
}

static void latch_timing(struct sensor_frame *frame)
{
	u64 rate = is_binned_analog() ? 2 * PIXEL_RATE : PIXEL_RATE;
	u32 lines = max_t(u32, lengths[0], frame->height + 4);
	u32 rows = registers[BINNING_V] ? 2 * frame->height : frame->height;

	frame->lines = lines;
	frame->line_pixels = max_t(u32, word(LINE_LENGTH), 1);
	frame->duration_ns = div64_u64((u64)lines * frame->line_pixels * NSEC_PER_SEC, rate);
	frame->readout_ns = div64_u64(frame->duration_ns * min(rows, lines - 4), lines);
}

/* Fills in what applies to the frame that starts now. */
void sensor_latch(struct sensor_frame *frame)
{
	unsigned long flags;
	int i;

	spin_lock_irqsave(&lock, flags);
	advance(exposures, word(EXPOSURE));
	advance(lengths, word(FRAME_LENGTH));
	frame->sequence = is_fresh ? 0 : frame->sequence + 1;
	frame->width = word(OUTPUT_WIDTH);
	frame->height = word(OUTPUT_HEIGHT);
	frame->bits = registers[DATA_FORMAT] == 8 ? 8 : 10;
	frame->orientation = registers[ORIENTATION] & 3;
	frame->exposure = exposures[0];
	frame->gain = min_t(u32, registers[ANALOG_GAIN], GAIN_MAX);
	frame->level = level_of(frame->exposure, frame->gain);
	frame->test_pattern = word(TEST_PATTERN);
	for (i = 0; i < 4; i++)
		frame->solid[i] = word(TEST_RED + 2 * i) & 0x3ff;
	latch_timing(frame);
	is_fresh = false;
	spin_unlock_irqrestore(&lock, flags);
}

bool sensor_streams(void)
{
	return READ_ONCE(registers[MODE_SELECT]) & 1;
}

/* How often streaming has begun. */
u32 sensor_starts(void)
{
	return READ_ONCE(starts);
}

/* A message begins with the address of a register; reading goes on where the last one ended. */
static void write_registers(const struct i2c_msg *message, u16 *at)
{
	bool streamed = sensor_streams();
	int i;

	if (message->len < 2)
		return;
	*at = message->buf[0] << 8 | message->buf[1];
	for (i = 2; i < message->len; i++)
		registers[(*at)++] = message->buf[i];
	if (!sensor_streams() || streamed)
		return;
	is_fresh = true;
	starts++;
}

static void read_registers(struct i2c_msg *message, u16 *at)
{
	int i;

	for (i = 0; i < message->len; i++)
		message->buf[i] = registers[(*at)++];
}

static int transfer(struct i2c_adapter *adapter, struct i2c_msg *messages, int count)
{
	static u16 at;
	unsigned long flags;
	int i;

	for (i = 0; i < count; i++) {
		if (messages[i].addr != ADDRESS || no_answer)
			return -ENXIO;
		spin_lock_irqsave(&lock, flags);
		if (messages[i].flags & I2C_M_RD)
			read_registers(&messages[i], &at);
		else
			write_registers(&messages[i], &at);
		spin_unlock_irqrestore(&lock, flags);
	}
	return count;
}

static u32 functionality(struct i2c_adapter *adapter)
{
	return I2C_FUNC_I2C;
}

static const struct i2c_algorithm algorithm = {
	.master_xfer = transfer,
	.functionality = functionality,
};

static struct i2c_adapter adapter = {
	.owner = THIS_MODULE,
	.algo = &algorithm,
	.name = "modelled sensor bus",
	.nr = BUS_NUMBER,
};

int sensor_init(struct platform_device *bus)
{
	registers[CHIP_ID] = 0x02;
	registers[CHIP_ID + 1] = 0x19;
	registers[DIGITAL_GAIN] = 1;
	adapter.dev.parent = &bus->dev;
	adapter.dev.of_node = bus->dev.of_node;
	return i2c_add_numbered_adapter(&adapter);
}
