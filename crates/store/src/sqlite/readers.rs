//! A few connections that only read, used on tokio's blocking threads.

use std::{path::PathBuf, sync::Arc};

use engine::store::StoreError;
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::connection::{self, Fault, Tx};

/// Reads at once: more gain nothing on a disk, and each holds a cache.
const READERS: u32 = 4;

pub(super) struct Readers {
    database: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(database: PathBuf) -> Arc<Self> {
        Arc::new(Self { database, idle: Mutex::default(), permits: Arc::new(Semaphore::new(READERS as usize)) })
    }

    /// Reads in one read snapshot (L3).
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let stopped = |_| StoreError::Unavailable("the store is closed".to_owned());
        let permit = Arc::clone(&self.permits).acquire_owned();
        let permit = permit.await.map_err(stopped)?;
        let readers = Arc::clone(self);
        let reading = spawn_blocking(move || {
            let result = readers.read_now(work);
            drop(permit);
            result
        });
        match reading.await {
            Ok(result) => result.map_err(Fault::of_read),
            Err(died) => Err(StoreError::Unavailable(died.to_string())),
        }
    }

    /// Waits for the reads that run, refuses more, and closes all connections.
    pub(super) async fn close(&self) {
        let all = self.permits.acquire_many(READERS).await;
        self.permits.close();
        self.idle.lock().clear();
        drop(all);
    }

    fn read_now<T>(&self, work: impl FnOnce(&Tx<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let idle = self.idle.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connection::open_reader(&self.database)?,
        };
        let tx = Tx::reading(&connection)?;
        let result = work(&tx);
        // After an error of SQLite the next reader starts with a new connection.
        if !matches!(result, Err(Fault::Broken(_))) && connection::roll_back(&connection) {
            self.idle.lock().push(connection);
        }
        result
    }
}
