// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lets a process of user space do what scene.c and picture.c would: it opens
 * /dev/pi-camera-painter, reads jobs, maps their buffers and answers (painter.h). One process, one
 * job at a time. Whoever wants a job done waits, but not for ever; a process that did not answer
 * in time gets no more, and the buffers are taken away from it.
 */
#include <linux/debugfs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "pi-camera.h"

/* A first frame of a large mode takes a process seconds. */
static unsigned int patience_ms = 20000;
module_param(patience_ms, uint, 0644);
MODULE_PARM_DESC(patience_ms, "how long a process that paints may take for a job");

#define SLOT_PAGES		(PI_PAINTER_SLOT_BYTES >> PAGE_SHIFT)
#define DEVICE_BYTES		((loff_t)PI_PAINTER_SLOTS * PI_PAINTER_SLOT_BYTES)

enum state {
	IDLE,
	OFFERED,	/* the process may read it */
	TAKEN,
	ENDED,
};

/* Who wants jobs done, one after the other. */
static DEFINE_MUTEX(turn);

/* Guards what follows. Taken under the memory's lock of a process that touches a buffer. */
static DEFINE_MUTEX(guard);
static DECLARE_WAIT_QUEUE_HEAD(changed);
static struct file *process;	/* as it opened the device; NULL: there is none */
static bool is_lost;		/* it did not answer in time */
static enum state state;
static struct pi_painter_order *order;
static u64 number;
static int result;

static u32 painted, unpainted;

/* ---- for receiver and ISP ---- */

bool pi_painter_is_there(void)
{
	return READ_ONCE(process) && !READ_ONCE(is_lost);
}

void pi_painter_begin(struct pi_painter_order *new, u32 kind, u64 timestamp_ns)
{
	memset(new, 0, sizeof(*new));
	new->job.version = PI_PAINTER_VERSION;
	new->job.kind = kind;
	new->job.timestamp_ns = timestamp_ns;
}

void pi_painter_add(struct pi_painter_order *new, u32 slot, void *memory, u32 bytes)
{
	new->memory[slot] = memory;
	new->job.bytes[slot] = bytes;
}

void pi_painter_add_picture(struct pi_painter_order *new, u32 slot, struct pi_node *node,
			    struct pi_buffer *buffer)
{
	const struct v4l2_pix_format *pix = &node->pix;

	pi_painter_add(new, slot, pi_buffer_memory(buffer), pix->sizeimage);
	new->job.pictures[slot] = (struct pi_painter_picture){
		.fourcc = pix->pixelformat,
		.width = pix->width, .height = pix->height,
		.stride = pix->bytesperline,
		.colorspace = pix->colorspace, .xfer_func = pix->xfer_func,
		.ycbcr_enc = pix->ycbcr_enc, .quantization = pix->quantization,
	};
}

static bool fits(const struct pi_painter_order *new)
{
	u32 i;

	for (i = 0; i < PI_PAINTER_SLOTS; i++) {
		if (new->job.bytes[i] && (!new->memory[i] || new->job.bytes[i] > PI_PAINTER_SLOT_BYTES))
			return false;
	}
	return true;
}

static int offer(struct pi_painter_order *new)
{
	int ret = -ENODEV;

	mutex_lock(&guard);
	if (pi_painter_is_there()) {
		new->job.number = ++number;
		order = new;
		state = OFFERED;
		ret = 0;
	}
	mutex_unlock(&guard);
	wake_up_all(&changed);
	return ret;
}

/* From here on nobody reaches the buffers through this device. */
static int take_back(void)
{
	int ret;

	mutex_lock(&guard);
	ret = state == ENDED ? result : -ETIMEDOUT;
	is_lost |= state != ENDED;
	state = IDLE;
	order = NULL;
	if (process)
		unmap_mapping_range(process->f_mapping, 0, 0, 1);
	mutex_unlock(&guard);
	wake_up_all(&changed);
	return ret;
}

/* Has the process do a job. Anything but 0: it has not, or not all of it. */
int pi_painter_do(struct pi_painter_order *new)
{
	int ret;

	if (!fits(new))
		return -EFBIG;
	mutex_lock(&turn);
	ret = offer(new);
	if (!ret) {
		wait_event_timeout(changed, READ_ONCE(state) == ENDED,
				   msecs_to_jiffies(patience_ms));
		ret = take_back();
		painted += !ret;
		unpainted += !!ret;
	}
	mutex_unlock(&turn);
	return ret;
}

static int read_painting(void *data, u64 *value)
{
	*value = pi_painter_is_there();
	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE(painting_ops, read_painting, NULL, "%llu\n");

void pi_painter_add_files(struct dentry *folder)
{
	debugfs_create_file("painting", 0444, folder, NULL, &painting_ops);
	debugfs_create_u32("painted", 0444, folder, &painted);
	debugfs_create_u32("unpainted", 0444, folder, &unpainted);
}

/* ---- for the process ---- */

/* The caller holds the guard. */
static void end(int error)
{
	result = error;
	state = ENDED;
	wake_up_all(&changed);
}

static int open(struct inode *inode, struct file *file)
{
	int ret = -EBUSY;

	mutex_lock(&guard);
	if (!process) {
		process = file;
		is_lost = false;
		ret = 0;
	}
	mutex_unlock(&guard);
	return ret;
}

/* No mapping is left either: each of them holds on to the file. */
static int release(struct inode *inode, struct file *file)
{
	mutex_lock(&guard);
	process = NULL;
	if (state == OFFERED || state == TAKEN)
		end(-EPIPE);
	mutex_unlock(&guard);
	return 0;
}

/* Copies the job that is offered, if one is. */
static bool take(struct pi_painter_job *job)
{
	bool is_offered;

	mutex_lock(&guard);
	is_offered = state == OFFERED && !is_lost;
	if (is_offered) {
		*job = order->job;
		state = TAKEN;
	}
	mutex_unlock(&guard);
	return is_offered;
}

static bool has_news(void)
{
	return READ_ONCE(state) == OFFERED || READ_ONCE(is_lost);
}

static int wait_for(struct file *file, struct pi_painter_job *job)
{
	while (!take(job)) {
		if (READ_ONCE(is_lost))
			return -ESTALE;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(changed, has_news()))
			return -ERESTARTSYS;
	}
	return 0;
}

static ssize_t read(struct file *file, char __user *to, size_t bytes, loff_t *at)
{
	struct pi_painter_job *job;
	ssize_t ret;

	if (bytes < sizeof(*job))
		return -EINVAL;
	job = kmalloc(sizeof(*job), GFP_KERNEL);
	if (!job)
		return -ENOMEM;
	ret = wait_for(file, job);
	if (!ret)
		ret = copy_to_user(to, job, sizeof(*job)) ? -EFAULT : sizeof(*job);
	kfree(job);
	return ret;
}

static ssize_t write(struct file *file, const char __user *from, size_t bytes, loff_t *at)
{
	struct pi_painter_answer answer;
	ssize_t ret = -ESTALE;

	if (bytes != sizeof(answer))
		return -EINVAL;
	if (copy_from_user(&answer, from, sizeof(answer)))
		return -EFAULT;
	mutex_lock(&guard);
	if (state == TAKEN && !is_lost && answer.number == order->job.number) {
		end(answer.error ? -EIO : 0);
		ret = bytes;
	}
	mutex_unlock(&guard);
	return ret;
}

static __poll_t poll(struct file *file, poll_table *table)
{
	poll_wait(file, &changed, table);
	if (READ_ONCE(is_lost))
		return EPOLLERR | EPOLLHUP;
	return READ_ONCE(state) == OFFERED ? EPOLLIN | EPOLLRDNORM : 0;
}

/* Says how far the slots reach, to those who seek the end. */
static loff_t llseek(struct file *file, loff_t offset, int whence)
{
	return fixed_size_llseek(file, offset, whence, DEVICE_BYTES);
}

static unsigned long frame_number(void *memory, unsigned long page)
{
	void *address = memory + (page << PAGE_SHIFT);

	return is_vmalloc_addr(address) ? vmalloc_to_pfn(address) : page_to_pfn(virt_to_page(address));
}

/* All of a mapping's pages of a slot at once; the first is that of the mapping. */
static vm_fault_t insert(struct vm_area_struct *vma, u32 slot, unsigned long first)
{
	unsigned long pages = DIV_ROUND_UP(order->job.bytes[slot], PAGE_SIZE), i;
	vm_fault_t ret = VM_FAULT_SIGBUS;

	for (i = 0; i < vma_pages(vma) && first + i < pages; i++) {
		ret = vmf_insert_pfn(vma, vma->vm_start + (i << PAGE_SHIFT),
				     frame_number(order->memory[slot], first + i));
		if (ret != VM_FAULT_NOPAGE)
			break;
	}
	return ret;
}

static vm_fault_t fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	u32 slot = vmf->pgoff / SLOT_PAGES;
	vm_fault_t ret = VM_FAULT_SIGBUS;

	mutex_lock(&guard);
	if (state == TAKEN && !is_lost && slot < PI_PAINTER_SLOTS &&
	    vmf->pgoff % SLOT_PAGES < DIV_ROUND_UP(order->job.bytes[slot], PAGE_SIZE))
		ret = insert(vma, slot, vma->vm_pgoff % SLOT_PAGES);
	mutex_unlock(&guard);
	return ret;
}

static const struct vm_operations_struct memory_calls = { .fault = fault };

/* Within one slot; children do not inherit it. */
static int map(struct file *file, struct vm_area_struct *vma)
{
	unsigned long last = vma->vm_pgoff + vma_pages(vma) - 1;

	if (!(vma->vm_flags & VM_SHARED) || vma->vm_pgoff / SLOT_PAGES != last / SLOT_PAGES)
		return -EINVAL;
	vm_flags_set(vma, VM_PFNMAP | VM_DONTEXPAND | VM_DONTCOPY | VM_DONTDUMP);
	vma->vm_ops = &memory_calls;
	return 0;
}

static const struct file_operations calls = {
	.owner = THIS_MODULE,
	.open = open,
	.release = release,
	.read = read,
	.write = write,
	.poll = poll,
	.llseek = llseek,
	.mmap = map,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "pi-camera-painter",
	.fops = &calls,
};

int pi_painter_add_device(void)
{
	return misc_register(&device);
}

void pi_painter_remove_device(void)
{
	misc_deregister(&device);
}
