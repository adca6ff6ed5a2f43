// SPDX-License-Identifier: GPL-2.0-only
/*
 * A Unicam receiver: registers in I/O memory, its interrupt, and where it was told to write.
 */
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/logic_iomem.h>
#include <linux/platform_device.h>
#include <linux/spinlock.h>

#include "bcm2835-unicam-regs.h"
#include "model.h"

#define REGISTERS_START		0xee801000
#define REGISTERS_BYTES		0x800
#define CLOCK_GATE_START	0xee802000
#define CLOCK_GATE_BYTES	0x100

static u32 registers[REGISTERS_BYTES / 4];
static DEFINE_SPINLOCK(lock);
static struct irq_domain *domain;

static u32 get(unsigned int offset)
{
	return READ_ONCE(registers[offset / 4]);
}

static unsigned long read_register(void *unused, unsigned int offset, int size)
{
	return offset < REGISTERS_BYTES ? get(offset) : 0;
}

static void write_register(void *unused, unsigned int offset, int size, unsigned long value)
{
	unsigned long flags;

	if (offset >= REGISTERS_BYTES)
		return;
	spin_lock_irqsave(&lock, flags);
	if (offset == UNICAM_STA || offset == UNICAM_ISTA)
		registers[offset / 4] &= ~value;	/* a one clears */
	else
		registers[offset / 4] = value;
	spin_unlock_irqrestore(&lock, flags);
}

static const struct logic_iomem_ops register_ops = {
	.read = read_register,
	.write = write_register,
};

/* The gate of its clocks has nothing to tell. */
static unsigned long read_nothing(void *unused, unsigned int offset, int size)
{
	return 0;
}

static void write_nothing(void *unused, unsigned int offset, int size, unsigned long value)
{
}

static const struct logic_iomem_ops nothing_ops = {
	.read = read_nothing,
	.write = write_nothing,
};

static long map_registers(unsigned long offset, size_t size, const struct logic_iomem_ops **ops, void **data)
{
	*ops = &register_ops;
	return offset;
}

static long map_clock_gate(unsigned long offset, size_t size, const struct logic_iomem_ops **ops, void **data)
{
	*ops = &nothing_ops;
	return offset;
}

static const struct logic_iomem_region_ops register_region = { .map = map_registers };
static const struct logic_iomem_region_ops clock_gate_region = { .map = map_clock_gate };

static struct resource register_resource =
	DEFINE_RES_MEM_NAMED(REGISTERS_START, REGISTERS_BYTES, "modelled unicam");
static struct resource clock_gate_resource =
	DEFINE_RES_MEM_NAMED(CLOCK_GATE_START, CLOCK_GATE_BYTES, "modelled unicam clock gate");

int receiver_init(void)
{
	int ret = logic_iomem_add_region(&register_resource, &register_region);

	return ret ? ret : logic_iomem_add_region(&clock_gate_resource, &clock_gate_region);
}

static int map_interrupt(struct irq_domain *of, unsigned int number, irq_hw_number_t line)
{
	irq_set_chip_and_handler(number, &dummy_irq_chip, handle_simple_irq);
	irq_clear_status_flags(number, IRQ_NOREQUEST);
	return 0;
}

static const struct irq_domain_ops interrupt_ops = {
	.map = map_interrupt,
	.xlate = irq_domain_xlate_onecell,
};

int receiver_add_interrupts(struct platform_device *controller)
{
	domain = irq_domain_add_linear(controller->dev.of_node, 1, &interrupt_ops, NULL);
	return domain ? 0 : -ENOMEM;
}

static void interrupt(u32 cause)
{
	unsigned long flags;
	unsigned int number;

	spin_lock_irqsave(&lock, flags);
	registers[UNICAM_STA / 4] |= UNICAM_IS;
	registers[UNICAM_ISTA / 4] |= cause;
	spin_unlock_irqrestore(&lock, flags);
	number = domain ? irq_find_mapping(domain, 0) : 0;
	if (number)
		generic_handle_irq_safe(number);
}

bool receiver_is_enabled(void)
{
	return get(UNICAM_CTRL) & UNICAM_CPE;
}

/*
 * A frame starts: its addresses hold until its end, also where the driver, told so, already names
 * those of the next. Whether there is memory for it.
 */
bool receiver_frame_start(struct frame_memory *memory, u32 width, u32 height)
{
	u32 start = get(UNICAM_IBSA0), end = get(UNICAM_IBEA0);

	memory->start = start ? phys_to_virt(start) : NULL;
	memory->bytes = end > start ? end - start : 0;
	memory->stride = get(UNICAM_IBLS);
	memory->unpacked = get(UNICAM_IPIPE) & UNICAM_PUM_MASK;
	registers[UNICAM_IBWP / 4] = start;
	registers[UNICAM_IHSTA / 4] = width;
	registers[UNICAM_IVSTA / 4] = height;
	interrupt(UNICAM_FSI);
	return memory->start && memory->bytes;
}

void receiver_line(u32 line)
{
	registers[UNICAM_IBWP / 4] += line * get(UNICAM_IBLS);
	interrupt(UNICAM_LCI);
}

void receiver_frame_end(void)
{
	interrupt(UNICAM_FEI);
}
