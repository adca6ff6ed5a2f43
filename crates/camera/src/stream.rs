//! A stream: one device queue, the internal buffers behind it, and the order in which
//! buffers go to it.
//!
//! # States of a buffer, seen from its stream
//!
//! ```text
//!            queue(buffer)                 device slot free
//!   caller ----------------> waiting list ------------------> device --dequeued--> caller
//!            queue(internal)      ^  taken in order from pool
//!   pool --------------------------'
//! ```
//!
//! The waiting list is strictly first in, first out: a wish for an internal buffer that finds
//! the pool empty waits, and so does everything behind it, so that frames meet requests in
//! the order in which these were made.
//!
//! Pure state: what is to be done to the device is written to [`Actions`].

use crate::fingerprint::Fingerprint;
use crate::pipeline::{Action, Actions};
use crate::ring::Ring;
use crate::slots::Slots;
use crate::table::BufferTable;
use pinhole_buffer::{Owner, Token};

/// What a stream is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamTraits {
    /// Its number: the number of the device node behind it.
    pub index: u8,
    /// Its buffers may come from, and go to, the application.
    pub external: bool,
}

#[derive(Debug)]
enum Wish {
    Buffer(Token, Option<u64>),
    Internal(Option<u64>),
}

/// A buffer that the device was done with.
#[derive(Debug)]
pub struct Returned {
    /// The right to it. It belongs to the device until transferred.
    pub token: Token,
    /// The request it was queued for.
    pub request: Option<u64>,
}

/// The state of a stream.
#[derive(Debug)]
pub struct Stream {
    traits: StreamTraits,
    pool: Vec<Token>,
    waiting: Ring<Wish>,
    in_device: Vec<Option<Returned>>,
    slots: Slots,
    queued: usize,
}

impl Stream {
    /// A stream with that many device slots, for buffers numbered below `buffers`.
    pub fn new(traits: StreamTraits, slots: u16, buffers: u16) -> Self {
        Self {
            traits,
            pool: Vec::with_capacity(usize::from(buffers)),
            waiting: Ring::with_capacity(usize::from(buffers)),
            in_device: (0..slots).map(|_| None).collect(),
            slots: Slots::new(slots, buffers),
            queued: 0,
        }
    }

    /// Its number.
    pub fn index(&self) -> u8 {
        self.traits.index
    }

    /// Whether its buffers may be the application's.
    pub fn is_external(&self) -> bool {
        self.traits.external
    }

    /// How many buffers the device has.
    pub fn queued(&self) -> usize {
        self.queued
    }

    /// How many wishes wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many of those have their buffer already.
    pub fn waiting_buffers(&self) -> usize {
        self.waiting.iter().filter(|wish| matches!(wish, Wish::Buffer(..))).count()
    }

    /// How many buffers are in the pool.
    pub fn pooled(&self) -> usize {
        self.pool.len()
    }

    /// Puts a new internal buffer into the pool.
    pub fn stock(&mut self, token: Token) {
        self.pool.push(token);
    }

    /// Queues a buffer that [`BufferTable::adopt`] gave, on behalf of a request.
    #[inline(always)]
    pub fn queue(
        &mut self,
        token: Token,
        request: Option<u64>,
        table: &mut BufferTable,
        actions: &mut Actions,
    ) {
        if self.waiting.is_empty()
            && let Some(slot) = self.slots.take(token.index())
        {
            self.send(slot, token, Owner::Waiting, request, table, actions);
            return;
        }
        self.waiting.push_back(Wish::Buffer(token, request));
        self.serve(table, actions);
    }

    /// Queues an internal buffer, now or as soon as there is one.
    pub fn queue_internal(&mut self, request: Option<u64>, table: &mut BufferTable, actions: &mut Actions) {
        self.waiting.push_back(Wish::Internal(request));
        self.serve(table, actions);
    }

    /// Queues everything that is in the pool: what an internal stream does at all times.
    #[inline]
    pub fn queue_all(&mut self, table: &mut BufferTable, actions: &mut Actions) {
        if !self.pool.is_empty() {
            self.queue_pool(table, actions);
        }
    }

    fn queue_pool(&mut self, table: &mut BufferTable, actions: &mut Actions) {
        while self.waiting.is_empty() && self.send_pooled(table, actions).is_some() {}
        while self.waiting.len() < self.pool.len() {
            self.waiting.push_back(Wish::Internal(None));
        }
        self.serve(table, actions);
    }

    /// Queues a buffer that must be in the device at once (the ISP's side of a run): takes it
    /// from the pool if none is given. `None` if there is none, or no slot; nothing waits.
    #[must_use]
    #[inline(always)]
    pub fn queue_now(
        &mut self,
        token: Option<Token>,
        request: Option<u64>,
        table: &mut BufferTable,
        actions: &mut Actions,
    ) -> Option<()> {
        let (token, from) = match token {
            Some(token) => (token, Owner::Waiting),
            None => (self.pool.pop()?, Owner::Pool),
        };
        let slot = self.slots.take(token.index())?;
        self.send(slot, token, from, request, table, actions);
        Some(())
    }

    /// Takes what the device returned in a slot, which is free then: [`Stream::serve`] gives it
    /// to whoever waits. `None` if the device never had one there.
    #[inline(always)]
    pub fn dequeued(&mut self, slot: u32) -> Option<Returned> {
        let returned = self.in_device.get_mut(slot as usize)?.take()?;
        self.slots.give_back(slot as u16);
        self.queued -= 1;
        Some(returned)
    }

    /// Queues an internal buffer that is free again, at once where nothing is in its way.
    #[inline(always)]
    pub fn requeue(&mut self, token: Token, from: Owner, table: &mut BufferTable, actions: &mut Actions) {
        if self.waiting.is_empty()
            && self.pool.is_empty()
            && let Some(slot) = self.slots.take(token.index())
        {
            self.send(slot, token, from, None, table, actions);
            return;
        }
        self.put_back(token, from, table, actions);
        self.queue_all(table, actions);
    }

    /// Puts an internal buffer back: into the pool, then serves whoever waits.
    #[inline(always)]
    pub fn put_back(&mut self, token: Token, from: Owner, table: &mut BufferTable, actions: &mut Actions) {
        table.transfer(&token, from, Owner::Pool);
        self.pool.push(token);
        self.serve(table, actions);
    }

    /// Serves the waiting list as far as it goes.
    #[inline]
    pub fn serve(&mut self, table: &mut BufferTable, actions: &mut Actions) {
        while !self.waiting.is_empty()
            && self.queued < self.slots.count()
            && self.serve_one(table, actions).is_some()
        {}
    }

    /// Sends the next buffer of the pool.
    fn send_pooled(&mut self, table: &mut BufferTable, actions: &mut Actions) -> Option<()> {
        let slot = self.slots.take(self.pool.last()?.index())?;
        let token = self.pool.pop()?;
        self.send(slot, token, Owner::Pool, None, table, actions);
        Some(())
    }

    fn serve_one(&mut self, table: &mut BufferTable, actions: &mut Actions) -> Option<()> {
        let buffer = match self.waiting.front()? {
            Wish::Buffer(token, _) => token.index(),
            Wish::Internal(_) => self.pool.last()?.index(),
        };
        let slot = self.slots.take(buffer)?;
        let (token, from, request) = match self.waiting.pop_front()? {
            Wish::Buffer(token, request) => (token, Owner::Waiting, request),
            Wish::Internal(request) => (self.pool.pop()?, Owner::Pool, request),
        };
        self.send(slot, token, from, request, table, actions);
        Some(())
    }

    #[inline(always)]
    fn send(
        &mut self,
        slot: u16,
        token: Token,
        from: Owner,
        request: Option<u64>,
        table: &mut BufferTable,
        actions: &mut Actions,
    ) {
        table.transfer(&token, from, self.device());
        let buffer = token.index() as u16;
        self.in_device[usize::from(slot)] = Some(Returned { token, request });
        self.queued += 1;
        actions.push_back(Action::Queue { stream: self.traits.index, slot, buffer, filled: false });
    }

    /// The owner of buffers that this stream's device has.
    pub fn device(&self) -> Owner {
        Owner::Device(self.traits.index)
    }

    /// Takes one buffer that the device gave back by stopping, or that its queue refused.
    pub fn recall_one(&mut self) -> Option<Returned> {
        let slot = self.in_device.iter().position(Option::is_some)?;
        self.dequeued(slot as u32)
    }

    /// Takes itself in.
    pub fn fingerprint(&self, into: &mut Fingerprint) {
        let Self { traits: _, pool, waiting, in_device, slots, queued: _ } = self;
        into.put((pool.len(), waiting.len()));
        pool.iter().for_each(|token| into.buffer(token.index()));
        for wish in waiting.iter() {
            let (token, request) = match wish {
                Wish::Buffer(token, request) => (Some(token), request),
                Wish::Internal(request) => (None, request),
            };
            into.buffer_if_any(token.map(Token::index));
            into.put(request);
        }
        for held in in_device {
            into.buffer_if_any(held.as_ref().map(|held| held.token.index()));
            into.put(held.as_ref().map(|held| held.request));
        }
        slots.fingerprint(into);
    }

    /// Forgets that a buffer had a slot.
    pub fn forget(&mut self, buffer: usize) {
        self.slots.forget(buffer);
    }
}
