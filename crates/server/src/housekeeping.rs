//! What a server does by itself now and then: empties the trash (A4) and forgets what nobody uses.

use std::{sync::Arc, time::Duration};

use engine::store::StoreError;
use tokio::time::{MissedTickBehavior, interval};

use crate::app::App;

/// How long a document stays in the trash.
const TRASH_KEEPS_MS: i64 = 30 * 24 * 60 * 60 * 1000;
const TRASH_EVERY: Duration = Duration::from_secs(60 * 60);
const BUDGETS_EVERY: Duration = Duration::from_secs(60);

/// Runs until it is dropped.
pub(crate) async fn run(app: Arc<App>) {
    let mut trash = interval(TRASH_EVERY);
    let mut budgets = interval(BUDGETS_EVERY);
    trash.set_missed_tick_behavior(MissedTickBehavior::Delay);
    budgets.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = trash.tick() => match empty_trash(&app).await {
                Ok(0) => {}
                Ok(count) => tracing::info!("{count} documents had been in the trash for 30 days and were deleted"),
                Err(error) => tracing::warn!("the trash could not be emptied: {error}"),
            },
            _ = budgets.tick() => {
                app.throttle.tidy();
                app.scribes.tidy();
            }
        }
    }
}

/// Deletes what has been in the trash for long enough; returns how many documents.
async fn empty_trash(app: &Arc<App>) -> Result<usize, StoreError> {
    let before_ms = (app.clock)() - TRASH_KEEPS_MS;
    let mut count = 0;
    loop {
        let documents = app.store.trashed_before(before_ms).await?;
        if documents.is_empty() {
            return Ok(count);
        }
        for document in documents {
            match app.purge_document(document).await {
                Ok(()) => count += 1,
                // Somebody restored it, or was faster.
                Err(StoreError::Conflict | StoreError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
    }
}
