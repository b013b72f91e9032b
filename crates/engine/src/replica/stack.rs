//! Threads with a deep stack: yrs recurses, and a stack that ends aborts the process. What runs here must not wait for anything.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, LazyLock,
        mpsc::{Receiver, Sender, channel},
    },
    thread::Builder,
};

use parking_lot::Mutex;
use tokio::sync::{Semaphore, oneshot};

use super::Unreadable;

/// Deep enough for the nesting that `Shape` lets pass, many times over. Only what is used of it is ever taken.
const STACK_BYTES: usize = 256 * 1024 * 1024;

/// Pieces of long work at the same time: each may hold a whole document several times.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// Threads for short work, so that an edit never waits behind a compaction.
const SHORT_THREADS: usize = 2;

type Job = Box<dyn FnOnce() + Send>;

/// The way to the threads for short work; they start with the first piece of it.
static SHORT: LazyLock<Sender<Job>> = LazyLock::new(|| {
    let (sender, jobs) = channel();
    let jobs = Arc::new(Mutex::new(jobs));
    for _ in 0..SHORT_THREADS {
        let jobs = Arc::clone(&jobs);
        if let Err(cause) = deep("replica-short").spawn(move || work_off(&jobs)) {
            tracing::error!(%cause, "a thread for replicas could not be started");
        }
    }
    sender
});

fn work_off(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let job = jobs.lock().recv();
        let Ok(job) = job else { return };
        // Whoever waits for it sees that its answer is missing.
        _ = catch_unwind(AssertUnwindSafe(job));
    }
}

fn deep(name: &str) -> Builder {
    Builder::new().name(name.into()).stack_size(STACK_BYTES)
}

/// Runs work on a whole document, on a thread of its own.
///
/// # Errors
/// If yrs panicked, or there is no thread.
pub(super) async fn at_length<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Unreadable> {
    let _permit = AT_ONCE.acquire().await;
    let run = move || {
        let thread = deep("replica").spawn(work).map_err(|cause| Unreadable(cause.to_string()))?;
        thread.join().map_err(|_| Unreadable("yrs panicked".into()))
    };
    tokio::task::spawn_blocking(run).await.map_err(|cause| Unreadable(cause.to_string()))?
}

/// Runs work that somebody who types waits for.
///
/// # Errors
/// As [`at_length`].
pub(crate) async fn briefly<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Unreadable> {
    let (tell, told) = oneshot::channel();
    let job: Job = Box::new(move || _ = tell.send(work()));
    SHORT.send(job).map_err(|_| Unreadable("there is no thread for replicas".into()))?;
    told.await.map_err(|_| Unreadable("yrs panicked".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_panics_harms_no_other() {
        for _ in 0..2 * SHORT_THREADS {
            assert!(briefly(|| panic!("as yrs might")).await.is_err());
            assert!(at_length(|| panic!("as yrs might")).await.is_err());
        }
        assert_eq!(briefly(|| 7).await.ok(), Some(7));
        assert_eq!(at_length(|| 7).await.ok(), Some(7));
    }
}
