//! Threads that wait for work, and are lent things for as long as it takes.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Work for the `i`th helper, as all threads see it while [`Pool::run`] waits.
#[derive(Clone, Copy)]
struct Work(*const (dyn Fn(usize) + Sync));

// SAFETY: what it points to may be used by several threads at once (`Sync`), and lives for as
// long as any thread has it: see `Pool::run`.
unsafe impl Send for Work {}

#[derive(Default)]
struct State {
    work: Option<Work>,
    /// Counts works, so that a helper takes each once.
    turn: u64,
    /// Helpers that have not finished the present one.
    busy: usize,
    is_over: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    finished: Condvar,
    panicked: AtomicBool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a helper does until the pool is dropped.
    fn help(&self, index: usize) {
        let mut seen = 0;
        loop {
            let mut state = self.lock();
            while !state.is_over && state.turn == seen {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.is_over {
                return;
            }
            seen = state.turn;
            let work = state.work;
            drop(state);
            if let Some(work) = work {
                // SAFETY: `Pool::run` does not return before `busy` is 0, so what it lent lives.
                let work = unsafe { &*work.0 };
                let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(index)));
                if done.is_err() {
                    self.panicked.store(true, Ordering::Relaxed);
                }
            }
            let mut state = self.lock();
            state.busy -= 1;
            if state.busy == 0 {
                self.finished.notify_one();
            }
        }
    }
}

/// A fixed number of helpers.
pub struct Pool {
    shared: Arc<Shared>,
    helpers: Vec<JoinHandle<()>>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pool({} helpers)", self.helpers.len())
    }
}

impl Pool {
    /// Helpers for one thread less than `threads`: the caller is one itself.
    ///
    /// # Errors
    /// If the system gives no more threads.
    pub fn new(threads: NonZero<usize>) -> std::io::Result<Self> {
        let mut pool = Self { shared: Arc::default(), helpers: Vec::new() };
        for index in 1..threads.get() {
            let shared = Arc::clone(&pool.shared);
            let name = format!("helper {index}");
            let helper = std::thread::Builder::new().name(name).spawn(move || shared.help(index))?;
            pool.helpers.push(helper);
        }
        Ok(pool)
    }

    /// Calls `work` once on each thread: with 0 on this one, from 1 on the helpers. Returns when
    /// all have finished. Allocates nothing.
    ///
    /// # Panics
    /// If `work` panics on any thread.
    pub fn run(&mut self, work: &(dyn Fn(usize) + Sync)) {
        /// Waits for the helpers even while the caller's own part panics.
        struct Wait<'a>(&'a Shared);
        impl Drop for Wait<'_> {
            fn drop(&mut self) {
                let mut state = self.0.lock();
                while state.busy > 0 {
                    state = self.0.finished.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                state.work = None;
            }
        }
        if !self.helpers.is_empty() {
            // SAFETY: only the lifetime changes; `Wait` keeps this call from ending, by whatever
            // way, before the last helper has finished with it, and takes it back from them.
            let lent: &'static (dyn Fn(usize) + Sync) = unsafe { std::mem::transmute(work) };
            let mut state = self.shared.lock();
            state.work = Some(Work(lent));
            state.turn += 1;
            state.busy = self.helpers.len();
            self.shared.changed.notify_all();
        }
        let wait = Wait(&self.shared);
        work(0);
        drop(wait);
        assert!(!self.shared.panicked.swap(false, Ordering::Relaxed), "a thread of the pool panicked");
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.changed.notify_all();
        for helper in self.helpers.drain(..) {
            // A helper catches its panics.
            let _ = helper.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn every_thread_does_its_part_each_time() {
        let mut pool = Pool::new(NonZero::new(3).expect("not 0")).expect("there are threads");
        let counts: [AtomicUsize; 3] = Default::default();
        for _ in 0..100 {
            pool.run(&|i| {
                counts[i].fetch_add(1, Ordering::Relaxed);
            });
        }
        assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 100));
    }

    #[test]
    fn a_panic_comes_through_and_the_pool_lives_on() {
        let mut pool = Pool::new(NonZero::new(2).expect("not 0")).expect("there are threads");
        for thread in [0, 1] {
            let run = std::panic::AssertUnwindSafe(|| pool.run(&|i| assert_ne!(i, thread)));
            assert!(std::panic::catch_unwind(run).is_err());
        }
        pool.run(&|_| {});
    }
}
