// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who touches the memory of buffers: each node's buffers as they are allocated, exported, mapped
 * into a process, opened to the CPU and imported. All is vb2's own doing; here it is counted, for
 * those who look into debugfs. Counts outlive the nodes.
 */
#include <linux/debugfs.h>
#include <linux/dma-buf.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/videodev2.h>
#include <media/videobuf2-vmalloc.h>

#include "pi-camera.h"

#define NODES		8
#define INODES_KEPT	64

struct inodes {
	unsigned long last[INODES_KEPT];
	u32 count;
};

struct pi_account {
	const char *name;
	struct dma_buf_ops calls;	/* of the buffers that the node exports */
	u32 allocated;
	u64 allocated_bytes;
	u32 node_maps, export_maps, accesses;
	struct inodes exported, imported;
};

static struct pi_account accounts[NODES];
static DEFINE_SPINLOCK(guard);

/* vb2's, counted; and what it does to exported buffers. */
static struct vb2_mem_ops calls;
static const struct dma_buf_ops *export_calls;

static struct pi_account *account_of(struct vb2_buffer *vb)
{
	struct pi_node *node = vb2_get_drv_priv(vb->vb2_queue);

	return node->account;
}

static struct pi_account *account_of_export(struct dma_buf *dmabuf)
{
	return container_of_const(dmabuf->ops, struct pi_account, calls);
}

static void count(u32 *counter)
{
	spin_lock(&guard);
	++*counter;
	spin_unlock(&guard);
}

static void keep(struct inodes *inodes, struct dma_buf *dmabuf)
{
	spin_lock(&guard);
	inodes->last[inodes->count++ % INODES_KEPT] = file_inode(dmabuf->file)->i_ino;
	spin_unlock(&guard);
}

/* ---- calls ---- */

static void *allocate(struct vb2_buffer *vb, struct device *dev, unsigned long bytes)
{
	struct pi_account *account = account_of(vb);
	void *memory = vb2_vmalloc_memops.alloc(vb, dev, bytes);

	if (IS_ERR_OR_NULL(memory))
		return memory;
	spin_lock(&guard);
	account->allocated++;
	account->allocated_bytes += PAGE_ALIGN(bytes);
	spin_unlock(&guard);
	return memory;
}

static int map_node(void *memory, struct vm_area_struct *area)
{
	struct pi_node *node = video_drvdata(area->vm_file);

	count(&node->account->node_maps);
	return vb2_vmalloc_memops.mmap(memory, area);
}

static int map_export(struct dma_buf *dmabuf, struct vm_area_struct *area)
{
	count(&account_of_export(dmabuf)->export_maps);
	return export_calls->mmap(dmabuf, area);
}

static int begin_access(struct dma_buf *dmabuf, enum dma_data_direction direction)
{
	count(&account_of_export(dmabuf)->accesses);
	return 0;
}

/* Gives a buffer that was just exported calls of ours, which it holds on to. */
static void watch(struct pi_account *account, struct dma_buf *dmabuf)
{
	struct module *others = dmabuf->owner;

	spin_lock(&guard);
	export_calls = dmabuf->ops;
	account->calls = *export_calls;
	account->calls.mmap = map_export;
	account->calls.begin_cpu_access = begin_access;
	spin_unlock(&guard);
	__module_get(THIS_MODULE);
	dmabuf->owner = THIS_MODULE;
	dmabuf->ops = &account->calls;
	module_put(others);
}

static struct dma_buf *export(struct vb2_buffer *vb, void *memory, unsigned long flags)
{
	struct dma_buf *dmabuf = vb2_vmalloc_memops.get_dmabuf(vb, memory, flags);

	if (IS_ERR_OR_NULL(dmabuf))
		return dmabuf;
	watch(account_of(vb), dmabuf);
	keep(&account_of(vb)->exported, dmabuf);
	return dmabuf;
}

static void *import(struct vb2_buffer *vb, struct device *dev, struct dma_buf *dmabuf,
		    unsigned long bytes)
{
	keep(&account_of(vb)->imported, dmabuf);
	return vb2_vmalloc_memops.attach_dmabuf(vb, dev, dmabuf, bytes);
}

/* ---- for nodes ---- */

static struct pi_account *find(const char *name)
{
	size_t i;

	for (i = 0; i < NODES - 1 && accounts[i].name; i++) {
		if (!strcmp(accounts[i].name, name))
			break;
	}
	return &accounts[i];
}

/* Opens the node's account, and gives the calls for its queue. */
const struct vb2_mem_ops *pi_account_open(struct pi_node *node)
{
	spin_lock(&guard);
	calls = vb2_vmalloc_memops;
	calls.alloc = allocate;
	calls.mmap = map_node;
	calls.get_dmabuf = export;
	calls.attach_dmabuf = import;
	node->account = find(node->name);
	node->account->name = node->name;
	spin_unlock(&guard);
	return &calls;
}

/* ---- debugfs ---- */

/* Name, buffers allocated, their bytes, maps by the node, by exports, accesses, imports. */
static int show_buffers(struct seq_file *out, void *data)
{
	size_t i;

	spin_lock(&guard);
	for (i = 0; i < NODES && accounts[i].name; i++) {
		const struct pi_account *account = &accounts[i];

		seq_printf(out, "%s %u %llu %u %u %u %u\n", account->name, account->allocated,
			   account->allocated_bytes, account->node_maps, account->export_maps,
			   account->accesses, account->imported.count);
	}
	spin_unlock(&guard);
	return 0;
}

static void show_each(struct seq_file *out, const char *name, const char *what,
		      const struct inodes *inodes)
{
	u32 i;

	for (i = 0; i < min_t(u32, inodes->count, INODES_KEPT); i++)
		seq_printf(out, "%s %s %lu\n", name, what, inodes->last[i]);
}

static int show_inodes_show(struct seq_file *out, void *data)
{
	size_t i;

	spin_lock(&guard);
	for (i = 0; i < NODES && accounts[i].name; i++) {
		show_each(out, accounts[i].name, "exported", &accounts[i].exported);
		show_each(out, accounts[i].name, "imported", &accounts[i].imported);
	}
	spin_unlock(&guard);
	return 0;
}

DEFINE_SHOW_ATTRIBUTE(show_inodes);

static int open_buffers(struct inode *inode, struct file *file)
{
	return single_open(file, show_buffers, NULL);
}

static void forget(struct pi_account *account)
{
	account->allocated = 0;
	account->allocated_bytes = 0;
	account->node_maps = account->export_maps = account->accesses = 0;
	account->exported.count = account->imported.count = 0;
}

/* Whatever is written begins all counts anew. */
static ssize_t write_buffers(struct file *file, const char __user *from, size_t bytes, loff_t *at)
{
	size_t i;

	spin_lock(&guard);
	for (i = 0; i < NODES; i++)
		forget(&accounts[i]);
	spin_unlock(&guard);
	return bytes;
}

static const struct file_operations buffers_ops = {
	.owner = THIS_MODULE,
	.open = open_buffers,
	.read = seq_read,
	.write = write_buffers,
	.llseek = seq_lseek,
	.release = single_release,
};

void pi_account_add(struct dentry *folder)
{
	debugfs_create_file("buffers", 0644, folder, NULL, &buffers_ops);
	debugfs_create_file("inodes", 0444, folder, NULL, &show_inodes_fops);
}
