//! F6: a write-ahead log that a kill left is walked before SQLite opens it.

use std::fs;

use engine::{document::DocumentId, log::Entry, store::Loaded};
use tempfile::TempDir;

use crate::{build::*, killed, log_file, open, refused};

const HEADER: usize = 32;
const FRAME: usize = 24 + 4096;

/// A folder as a kill left it, with many commits in its log alone.
struct Left {
    data: TempDir,
    log: Vec<u8>,
    id: DocumentId,
    entries: Vec<Entry>,
}

async fn left() -> Left {
    let running = tempfile::tempdir().unwrap();
    let store = open(running.path());
    let id = created(&store).await;
    let entries = filled(&store, id, 60).await;
    let data = killed(running.path());
    let log = fs::read(log_file(data.path())).unwrap();
    assert_eq!((log.len() - HEADER) % FRAME, 0);
    Left { data, log, id, entries }
}

impl Left {
    fn frames(&self) -> usize {
        (self.log.len() - HEADER) / FRAME
    }

    /// Puts the folder back, with this log.
    fn with_log(&self, log: &[u8]) -> TempDir {
        let copy = killed(self.data.path());
        fs::write(log_file(copy.path()), log).unwrap();
        copy
    }

    fn commits_behind(&self, frame: usize) -> usize {
        let is_commit = |frame: &usize| self.log[HEADER + frame * FRAME + 4..][..4] != [0; 4];
        (frame + 1..self.frames()).filter(is_commit).count()
    }
}

#[tokio::test]
async fn f6_a_flipped_bit_in_the_log_is_damage_and_not_a_torn_end() {
    let left = left().await;
    let mut refusals = 0;
    for frame in (0..left.frames()).step_by(5).chain(left.frames() - 12..left.frames()) {
        // In the page's number, the commit's mark, the salts, the checksums, the page.
        for at in [1, 6, 9, 14, 17, 22, 24, 24 + 4095] {
            let mut log = left.log.clone();
            log[HEADER + frame * FRAME + at] ^= 1 << (at % 8);
            let data = left.with_log(&log);
            if left.commits_behind(frame) >= 2 {
                let why = refused(data.path());
                assert!(why.contains(&format!("damaged at frame {}", frame + 1)), "{why}");
                assert!(why.contains("sesodocs restore"), "{why}");
                assert_eq!(fs::read(log_file(data.path())).unwrap(), log, "it is kept");
                refusals += 1;
            } else {
                let Loaded { tail, .. } = open(data.path()).load(left.id).await.unwrap();
                assert_eq!(tail, left.entries[..tail.len()]);
                assert!(tail.len() >= left.entries.len() - 2);
            }
        }
    }
    assert!(refusals > 100, "{refusals}");
}

#[tokio::test]
async fn f6_a_flipped_bit_in_the_logs_header_is_damage() {
    let left = left().await;
    for at in 0..HEADER {
        let mut log = left.log.clone();
        log[at] ^= 0x10;
        let why = refused(left.with_log(&log).path());
        assert!(why.contains("damaged at frame 0"), "byte {at}: {why}");
    }
}

#[tokio::test]
async fn f6_a_log_torn_by_a_kill_is_no_damage() {
    let left = left().await;
    let mut expected = left.entries.len();
    for cut in (0..left.log.len()).step_by(left.log.len() / 70) {
        let data = left.with_log(&left.log[..left.log.len() - cut]);
        match open(data.path()).load(left.id).await {
            Ok(Loaded { tail, .. }) => {
                assert!(tail.len() <= expected);
                expected = tail.len();
                assert_eq!(tail, left.entries[..expected]);
            }
            // Cut before the document was made.
            Err(error) => assert_eq!(error, engine::store::StoreError::NotFound),
        }
    }
    assert!(expected < 10, "the cuts reached far");
}

#[tokio::test]
async fn f6_old_frames_behind_the_end_are_no_damage() {
    let running = tempfile::tempdir().unwrap();
    let store = open(running.path());
    let id = created(&store).await;
    let mut last = engine::log::Cursor::start(id);
    // The log begins again from its front several times: behind its end lie frames of the rounds before.
    for n in 0..400 {
        let entry = entry_of(last, [100_000, 10][n % 2]);
        last = entry.cursor();
        store.append(id, entry).await.unwrap();
        if n % 20 == 19 {
            let later = killed(running.path());
            let tail = open(later.path()).load(id).await.unwrap().tail;
            assert_eq!(tail.last().map(Entry::cursor), Some(last));
        }
    }
}
