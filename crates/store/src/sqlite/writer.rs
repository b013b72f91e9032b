//! The one thread that writes: takes every command that waits, commits them together with one sync, then answers them all.
//! It never answers before the commit, and after a failed sync it never commits again (F1, F2, F3).

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use engine::{
    metrics::Metrics,
    store::{Health, StoreError},
};
use rusqlite::{Connection, ErrorCode};
use tokio::sync::{oneshot, watch};

use super::{
    connection::{self, Checkpoint, Fault, Reach, Tx},
    folder::Folder,
};

/// At most so many commands in one commit: a bound on what a failure takes with it, never reached in practice.
const GROUP_COMMANDS: usize = 512;

/// How long the store waits before it tries again whether it can write.
const RETRY: Duration = Duration::from_secs(1);

/// Pages in the log that begin a checkpoint: 8 MiB. With fewer, the same pages are written again and again; with more, the
/// commit that comes behind one waits for longer.
const CHECKPOINT_PAGES: u32 = 2048;

/// What a command wrote.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It stays.
    Keep,
    /// The command was refused: what it wrote before it knew is undone, and nothing else.
    Undo,
}

/// A change that waits for its commit.
pub(super) trait Command: Send {
    /// Writes within the transaction. An error ends the whole group.
    fn run(&mut self, tx: &Tx<'_>) -> Result<Effect, Fault>;
    /// How many log entries it adds.
    fn entries(&self) -> u32;
    /// Tells the caller, once it is known whether the group was committed.
    fn answer(self: Box<Self>, commit: &Result<(), StoreError>);
}

/// A command made of a closure.
pub(super) struct Write<T, F> {
    work: Option<F>,
    entries: u32,
    result: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Write<T, F> {
    /// A command that adds so many entries, and where its answer will arrive.
    pub(super) fn new(entries: u32, work: F) -> (Self, oneshot::Receiver<Result<T, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        let write = Self { work: Some(work), entries, result: None, reply };
        (write, answer)
    }
}

impl<T, F> Command for Write<T, F>
where
    T: Send,
    F: FnOnce(&Tx<'_>) -> Result<T, Fault> + Send,
{
    fn run(&mut self, tx: &Tx<'_>) -> Result<Effect, Fault> {
        let Some(work) = self.work.take() else {
            return Ok(Effect::Undo);
        };
        let (result, effect) = match work(tx) {
            Ok(value) => (Ok(value), Effect::Keep),
            Err(Fault::Refused(error)) => (Err(error), Effect::Undo),
            Err(fault) => return Err(fault),
        };
        self.result = Some(result);
        Ok(effect)
    }

    fn entries(&self) -> u32 {
        self.entries
    }

    fn answer(self: Box<Self>, commit: &Result<(), StoreError>) {
        let result = match (commit, self.result) {
            (Ok(()), Some(result)) => result,
            (Ok(()), None) => Err(StoreError::Unavailable("not run".to_owned())),
            (Err(error), _) => Err(error.clone()),
        };
        // Whoever asked may have gone; what was done stays done.
        let _ = self.reply.send(result);
    }
}

/// What the thread is told.
pub(super) enum Message {
    /// To write something.
    Write(Box<dyn Command>),
    /// To finish.
    Close(oneshot::Sender<Result<(), StoreError>>),
}

/// Whether this process may move the log into the database file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Checkpoints {
    /// It is the only one that does: the start's checkpoint has succeeded.
    Ours,
    /// As `Ours`, but the start's checkpoint found somebody reading: no commit before it succeeds (F2).
    OursFirst,
    /// A running server does.
    Theirs,
}

/// The thread's belongings.
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) folder: Folder,
    pub(super) messages: Receiver<Message>,
    pub(super) health: watch::Sender<Health>,
    pub(super) metrics: Metrics,
    pub(super) checkpoints: Checkpoints,
}

impl Writer {
    /// Starts the thread. It ends when told to close, or when nobody can tell it anything any more.
    pub(super) fn spawn(self) -> std::io::Result<()> {
        let name = "store-writer".to_owned();
        thread::Builder::new().name(name).spawn(|| self.run())?;
        Ok(())
    }

    fn run(self) {
        connection::count_wal_pages(&self.connection);
        let mut thread = Thread { retry_at: None, checkpoint_at: CHECKPOINT_PAGES, seen_pages: 0, own: self };
        thread.plan_retry();
        while let Some(message) = thread.next() {
            match message {
                Message::Write(command) => {
                    if let Some(reply) = thread.serve(command) {
                        return thread.close(reply);
                    }
                }
                Message::Close(reply) => return thread.close(reply),
            }
        }
    }
}

struct Thread {
    own: Writer,
    /// When to try again whether it can write; only while it cannot.
    retry_at: Option<Instant>,
    checkpoint_at: u32,
    seen_pages: u32,
}

impl Thread {
    /// Waits for a message, and meanwhile tries to recover when it is time to. `None` once all senders are gone.
    fn next(&mut self) -> Option<Message> {
        loop {
            let Some(at) = self.retry_at else {
                return self.own.messages.recv().ok();
            };
            let wait = at.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                self.recover();
                continue;
            }
            match self.own.messages.recv_timeout(wait) {
                Ok(message) => return Some(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// Serves this command and all that wait behind it. Returns a request to close that came among them.
    fn serve(&mut self, first: Box<dyn Command>) -> Option<oneshot::Sender<Result<(), StoreError>>> {
        let mut group = vec![first];
        let mut close = None;
        while group.len() < GROUP_COMMANDS && close.is_none() {
            match self.own.messages.try_recv() {
                Ok(Message::Write(command)) => group.push(command),
                Ok(Message::Close(reply)) => close = Some(reply),
                Err(_) => break,
            }
        }
        let commit = self.refusal().and_then(|()| self.commit(&mut group));
        for command in group {
            command.answer(&commit);
        }
        // Behind the answers: nobody waits for a checkpoint but who comes next.
        if commit.is_ok() {
            self.checkpoint_if_due();
        }
        close
    }

    /// Why nothing is written now, if so.
    fn refusal(&self) -> Result<(), StoreError> {
        match &*self.own.health.borrow() {
            Health::Ready => Ok(()),
            Health::Full(why) | Health::Failed(why) => Err(StoreError::Unavailable(why.clone())),
        }
    }

    fn commit(&mut self, group: &mut [Box<dyn Command>]) -> Result<(), StoreError> {
        let begun = Instant::now();
        let outcome = transaction(&self.own.connection, group);
        outcome.map_err(|fault| self.judge(&fault))?;
        let entries: u32 = group.iter().map(|command| command.entries()).sum();
        if entries > 0 {
            let metrics = &self.own.metrics;
            metrics.commit_entries.observe(f64::from(entries));
            metrics.commit_seconds.observe(begun.elapsed().as_secs_f64());
        }
        Ok(())
    }

    /// Draws the consequences of a group that was not committed (F2, F3).
    fn judge(&mut self, fault: &Fault) -> StoreError {
        let why = fault.text();
        tracing::error!(why, "a commit failed");
        if !connection::roll_back(&self.own.connection) || fault.is_failed_sync() {
            self.fail(&why);
        } else if fault.is(ErrorCode::DiskFull) {
            self.set_health(Health::Full(why.clone()));
        } else if !fault.is(ErrorCode::DatabaseBusy) {
            self.probe();
        }
        StoreError::Unavailable(why)
    }

    /// Tries again what stood in the way of writing.
    fn recover(&mut self) {
        if self.own.checkpoints == Checkpoints::OursFirst {
            let (checkpoints, health) = begin(&self.own.connection, &self.own.folder);
            self.own.checkpoints = checkpoints;
            if health != Health::Ready {
                return self.set_health(health);
            }
        }
        self.probe();
    }

    /// Writes one row for real: whoever can do that is ready.
    fn probe(&mut self) {
        let probe = "UPDATE counters SET value = value + 1 WHERE name = 'probe'";
        let outcome = Tx::writing(&self.own.connection).and_then(|tx| {
            tx.execute(probe, [])?;
            tx.commit()
        });
        match outcome {
            Ok(()) => self.set_health(Health::Ready),
            Err(fault) => {
                let is_rolled_back = connection::roll_back(&self.own.connection);
                if !is_rolled_back || fault.is_failed_sync() {
                    self.fail(&fault.text());
                } else {
                    self.set_health(Health::Full(fault.text()));
                }
            }
        }
    }

    /// F2: the last word until a restart.
    fn fail(&mut self, why: &str) {
        tracing::error!(why, "the store stops writing until it is started again");
        self.set_health(Health::Failed(why.to_owned()));
    }

    fn set_health(&mut self, health: Health) {
        self.own.health.send_if_modified(|now| {
            let is_new = !matches!(now, Health::Failed(_)) && *now != health;
            if is_new {
                *now = health;
            }
            is_new
        });
        self.plan_retry();
    }

    fn plan_retry(&mut self) {
        let is_waiting = matches!(*self.own.health.borrow(), Health::Full(_));
        self.retry_at = is_waiting.then(|| Instant::now() + RETRY);
    }

    fn checkpoint_if_due(&mut self) {
        let pages = connection::wal_pages();
        if pages < self.seen_pages {
            // The log began again from its front.
            self.checkpoint_at = CHECKPOINT_PAGES;
        }
        self.seen_pages = pages;
        let is_due = pages >= self.checkpoint_at && self.own.checkpoints == Checkpoints::Ours;
        if !is_due || !self.own.folder.has_room_for(self.own.folder.wal_bytes()) {
            return;
        }
        // Where readers hold the log, it grows: then the next checkpoint is due after as much again.
        self.checkpoint_at = pages + CHECKPOINT_PAGES;
        if let Err(error) = connection::checkpoint(&self.own.connection, Reach::Passive) {
            self.fail(&connection::described(&error));
        }
    }

    /// Leaves an empty log behind, if it may, and lets the folder go.
    fn close(self, reply: oneshot::Sender<Result<(), StoreError>>) {
        let mut outcome = self.refusal();
        if outcome.is_ok() && self.own.checkpoints == Checkpoints::Ours {
            outcome = connection::checkpoint(&self.own.connection, Reach::Truncate)
                .map(|_| ())
                .map_err(|error| StoreError::Unavailable(connection::described(&error)));
        }
        // The lock goes with the thread's belongings, and only then the caller may open the folder anew.
        drop(self);
        let _ = reply.send(outcome);
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        if thread::panicking() {
            self.fail("the writer thread died");
        }
    }
}

/// The start's checkpoint (F2): what an earlier process wrote and could not sync may still be in the kernel's memory
/// and look whole. Only what is written and synced anew is known to be on the disk.
pub(super) fn begin(connection: &Connection, folder: &Folder) -> (Checkpoints, Health) {
    if !folder.has_room_for(folder.wal_bytes()) {
        return (Checkpoints::OursFirst, Health::Full("the disk is full".to_owned()));
    }
    match connection::checkpoint(connection, Reach::Truncate) {
        Ok(Checkpoint::Done) => (Checkpoints::Ours, Health::Ready),
        Ok(Checkpoint::Busy) => {
            let why = "another program (a backup?) is reading the database".to_owned();
            (Checkpoints::OursFirst, Health::Full(why))
        }
        Err(error) => (Checkpoints::OursFirst, Health::Failed(connection::described(&error))),
    }
}

/// Runs a group in one transaction, each command confined by a savepoint (F3).
fn transaction(connection: &Connection, group: &mut [Box<dyn Command>]) -> Result<(), Fault> {
    let tx = Tx::writing(connection)?;
    for command in group {
        tx.execute("SAVEPOINT command", [])?;
        if command.run(&tx)? == Effect::Undo {
            tx.execute("ROLLBACK TO command", [])?;
        }
        tx.execute("RELEASE command", [])?;
    }
    tx.commit()
}
