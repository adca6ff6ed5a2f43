//! Simulated video nodes.

use crate::fault::{Call, Role};
use crate::formats;
use crate::isp_controls::IspControls;
use crate::queue::Handle;
use crate::record::Happening;
use crate::refusal::{Answer, Refusal};
use crate::shared::Opening;
use crate::topology::Part;
use crate::world::{Node, World};
use pinhole_base::Result;
use pinhole_base::format::FourCc;
use pinhole_base::geometry::{ModePixels, Rect};
use pinhole_device::{
    ControlCode, ControlDescription, ControlWrite, Controls, Dequeued, ExportedBuffer, NodeCapabilities,
    NodeEvent, NodeFormat, NodeKind, PollSource, QueueBuffer, VideoNode,
};
use rustix::io::Errno;

/// An open node. Closing it gives back what it holds.
pub(crate) struct SimNode {
    opening: Opening,
    role: Role,
    handle: Handle,
    capabilities: NodeCapabilities,
}

/// The number by which pollers know an opening of a node.
pub(crate) const fn source_number(camera: usize, role: Role, generation: u32) -> u32 {
    (generation << 16) | ((camera as u32) << 3) | role.index() as u32
}

/// Camera, node and generation of such a number.
pub(crate) fn source_of(number: u32) -> Option<(usize, Role, u32)> {
    let role = *Role::ALL.get((number & 7) as usize)?;
    Some(((number >> 3 & 0x1fff) as usize, role, number >> 16))
}

/// What a node is and can do.
pub(crate) fn capabilities(role: Role) -> NodeCapabilities {
    let kind = match role {
        Role::Image | Role::Output0 | Role::Output1 => NodeKind::VideoCapture,
        Role::Input => NodeKind::VideoOutput,
        Role::Embedded | Role::Statistics => NodeKind::MetaCapture,
    };
    NodeCapabilities { name: role.entity_name().to_owned(), kind, media_centric: role.is_receiver() }
}

impl SimNode {
    pub(crate) fn new(opening: Opening, role: Role, handle: Handle) -> Self {
        Self { opening, role, handle, capabilities: capabilities(role) }
    }

    /// Calls the device with the node.
    #[inline]
    fn call<T>(
        &self,
        call: Call,
        doing: &'static str,
        act: impl FnOnce(&mut Node) -> Answer<T>,
    ) -> Result<T> {
        let (camera, role) = (self.opening.camera, self.role);
        self.opening.call(call, doing, |world| act(world.cameras[camera].node_mut(role)))
    }

    /// Calls the device with the whole world, as the owner of the queue.
    #[inline]
    fn call_owned<T>(
        &self,
        call: Call,
        doing: &'static str,
        act: impl FnOnce(&mut World, usize, Role) -> Answer<T>,
    ) -> Result<T> {
        let (camera, role, handle) = (self.opening.camera, self.role, self.handle);
        self.opening.call(call, doing, |world| {
            world.cameras[camera].node(role).queue.check_owner(handle)?;
            act(world, camera, role)
        })
    }

    fn adjusted(&self, world: &World, wanted: NodeFormat) -> Answer<NodeFormat> {
        let embedded_bytes = world.cameras[self.opening.camera].sensor.embedded_bytes();
        let adjusted = formats::adjusted(self.role, wanted, embedded_bytes);
        adjusted.ok_or_else(|| Refusal::new(Errno::INVAL, "the node has formats of another kind"))
    }
}

impl Controls for SimNode {
    fn query_controls(&mut self) -> Result<Vec<ControlDescription>> {
        let input = self.role == Role::Input;
        self.call(Call::QueryControls, "listing controls", |_| {
            Ok(if input { IspControls::describe() } else { Vec::new() })
        })
    }

    fn control(&mut self, code: ControlCode) -> Result<i64> {
        let (camera, role) = (self.opening.camera, self.role);
        self.opening.call(Call::Control, "reading a control", |world| match role {
            Role::Input => world.cameras[camera].isp.controls.control(code),
            _ => Err(Errno::INVAL.into()),
        })
    }

    fn set_controls(&mut self, writes: &[ControlWrite<'_>]) -> Result<()> {
        let (camera, role) = (self.opening.camera, self.role);
        self.opening.call(Call::SetControls, "writing controls", |world| match role {
            Role::Input => world.cameras[camera].isp.controls.set(writes),
            _ => Err(Errno::INVAL.into()),
        })
    }
}

impl VideoNode for SimNode {
    fn capabilities(&self) -> &NodeCapabilities {
        &self.capabilities
    }

    fn formats(&mut self) -> Result<Vec<FourCc>> {
        self.call(Call::Describe, "listing formats", |_| Ok(formats::offered(self.role)))
    }

    fn format(&mut self) -> Result<NodeFormat> {
        self.call(Call::Describe, "reading the format", |node| Ok(node.format))
    }

    fn try_format(&mut self, format: NodeFormat) -> Result<NodeFormat> {
        self.opening.call(Call::TryFormat, "trying a format", |world| self.adjusted(world, format))
    }

    fn set_format(&mut self, format: NodeFormat) -> Result<NodeFormat> {
        self.opening.call(Call::SetFormat, "setting the format", |world| {
            let format = self.adjusted(world, format)?;
            let camera = &mut world.cameras[self.opening.camera];
            let node = camera.node_mut(self.role);
            if node.queue.has_slots() {
                return Err(Refusal::new(Errno::BUSY, "the node has buffers"));
            }
            node.format = format;
            if self.role == Role::Input {
                camera.isp.input_changed(format);
            }
            Ok(format)
        })
    }

    fn set_crop(&mut self, crop: Rect<ModePixels>) -> Result<Rect<ModePixels>> {
        self.opening.call(Call::SetCrop, "setting the crop", |world| {
            let camera = &mut world.cameras[self.opening.camera];
            let (Role::Input, NodeFormat::Image(image)) = (self.role, camera.node(self.role).format) else {
                return Err(Errno::NOTTY.into());
            };
            camera.isp.crop = formats::adjusted_crop(crop, image.size);
            Ok(camera.isp.crop)
        })
    }

    fn allocate(&mut self, count: u32) -> Result<u32> {
        let handle = self.handle;
        self.call_owned(Call::Allocate, "allocating buffers", |world, camera, role| {
            let node = world.cameras[camera].node_mut(role);
            let bytes = node.format.size_bytes();
            node.queue.allocate(handle, count, bytes, role.entity_name(), &mut world.pool)
        })
    }

    fn export(&mut self, slot: u32) -> Result<ExportedBuffer> {
        let plane = self.call_owned(Call::Export, "exporting a buffer", |world, camera, role| {
            world.cameras[camera].node(role).queue.export(slot)
        })?;
        Ok(ExportedBuffer { planes: vec![plane] })
    }

    fn import(&mut self, count: u32) -> Result<u32> {
        let handle = self.handle;
        self.call_owned(Call::Import, "making import slots", |world, camera, role| {
            world.cameras[camera].node_mut(role).queue.import(handle, count)
        })
    }

    fn free(&mut self) -> Result<()> {
        self.call_owned(Call::Free, "freeing buffers", |world, camera, role| {
            world.cameras[camera].node_mut(role).queue.free()
        })
    }

    fn queue(&mut self, buffer: &QueueBuffer<'_>) -> Result<()> {
        self.call_owned(Call::Queue, "queueing a buffer", |world, camera, role| {
            let node = world.cameras[camera].node_mut(role);
            // Only capture nodes write; what goes in may be short.
            let needed = if role == Role::Input { 0 } else { node.format.size_bytes() };
            node.queue.queue(buffer, needed)?;
            world.note(camera, Happening::Queued(role, buffer.slot));
            world.buffers_changed(camera, role);
            Ok(())
        })
    }

    fn dequeue(&mut self) -> Result<Option<Dequeued>> {
        self.call_owned(Call::Dequeue, "dequeueing a buffer", |world, camera, role| {
            world.cameras[camera].node_mut(role).queue.dequeue()
        })
    }

    fn stream_on(&mut self) -> Result<()> {
        self.call_owned(Call::StreamOn, "starting to stream", World::start_streaming)
    }

    fn stream_off(&mut self) -> Result<()> {
        let answer = self.call_owned(Call::StreamOff, "ceasing to stream", |world, camera, role| {
            world.stop_streaming(camera, role);
            Ok(())
        });
        if answer.is_err() {
            // It fails on purpose, but the buffers are the user's all the same.
            let (camera, role, handle) = (self.opening.camera, self.role, self.handle);
            self.opening.shared.enter(|world| {
                if world.cameras[camera].node(role).queue.check_owner(handle).is_ok() {
                    world.stop_streaming(camera, role);
                }
            });
        }
        answer
    }

    fn subscribe_frame_start(&mut self, wanted: bool) -> Result<()> {
        let (camera, role) = (self.opening.camera, self.role);
        self.opening.call(Call::Subscribe, "subscribing to frame starts", |world| {
            if role != Role::Image {
                return Err(Refusal::new(Errno::INVAL, "the node has no such events"));
            }
            world.cameras[camera].receiver.subscribe(wanted);
            Ok(())
        })
    }

    fn dequeue_event(&mut self) -> Result<Option<NodeEvent>> {
        let (camera, role) = (self.opening.camera, self.role);
        self.opening.call(Call::DequeueEvent, "dequeueing an event", |world| match role {
            Role::Image => Ok(world.cameras[camera].receiver.dequeue_event()),
            _ => Ok(None),
        })
    }

    fn poll_source(&self) -> PollSource<'_> {
        PollSource::Simulated(source_number(self.opening.camera, self.role, self.opening.generation))
    }
}

impl Drop for SimNode {
    fn drop(&mut self) {
        let (camera, part) = (self.opening.camera, Part::of(self.role));
        self.opening.shared.enter(|world| {
            // What was unplugged has nothing of ours any more.
            if world.check_plugged(camera, part, self.opening.generation).is_ok() {
                world.close_node(camera, self.role, self.handle);
            }
        });
    }
}
