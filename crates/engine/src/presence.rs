//! Who is in a room and where their selection is: gathered into rounds, never stored.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::Instant;

use crate::person::PersonId;

/// One connection in a room. The server says who it is; nobody can pose as another (W7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// The number that the server gave to the connection.
    pub connection: u64,
    /// Who it is.
    pub person: PersonId,
    /// The person's name.
    pub name: Arc<str>,
    /// What the client tells of itself, as JSON of at most 1 KiB; `None` once it left.
    pub state: Option<Bytes>,
}

/// The shortest time between two rounds (B4).
const ROUND: Duration = Duration::from_millis(100);

/// So much longer for each connection: a round costs as many deliveries as there are connections.
const ROUND_PER_CONNECTION: Duration = Duration::from_millis(2);

/// Everybody who is here, and who changed since the last round.
#[derive(Debug, Default)]
pub(crate) struct Board {
    here: BTreeMap<u64, Present>,
    changed: BTreeMap<u64, Present>,
    last_round: Option<Instant>,
}

impl Board {
    pub(crate) fn join(&mut self, present: Present) {
        self.changed.insert(present.connection, present.clone());
        self.here.insert(present.connection, present);
    }

    pub(crate) fn tell(&mut self, connection: u64, state: Option<Bytes>) {
        if let Some(present) = self.here.get_mut(&connection) {
            // Somebody who hides the caret is still here.
            present.state = Some(state.unwrap_or_else(|| Bytes::from_static(b"{}")));
            self.changed.insert(connection, present.clone());
        }
    }

    pub(crate) fn leave(&mut self, connection: u64) {
        if let Some(mut present) = self.here.remove(&connection) {
            present.state = None;
            self.changed.insert(connection, present);
        }
    }

    /// Everybody who is here, but for one connection.
    pub(crate) fn all_but(&self, connection: Option<u64>) -> Vec<Present> {
        self.here.values().filter(|p| Some(p.connection) != connection).cloned().collect()
    }

    /// When the next round is due, if anything changed (B4).
    pub(crate) fn due(&self) -> Option<Instant> {
        if self.changed.is_empty() {
            return None;
        }
        let connections = u32::try_from(self.here.len()).unwrap_or(u32::MAX);
        let pause = ROUND.max(ROUND_PER_CONNECTION.saturating_mul(connections));
        Some(self.last_round.map_or_else(Instant::now, |last| last + pause))
    }

    /// What changed since the last round.
    pub(crate) fn take_round(&mut self) -> Vec<Present> {
        self.last_round = Some(Instant::now());
        std::mem::take(&mut self.changed).into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn present(connection: u64) -> Present {
        Present { connection, person: PersonId(connection), name: "n".into(), state: Some(Bytes::from_static(b"{}")) }
    }

    #[tokio::test(start_paused = true)]
    async fn b4_a_round_holds_the_last_of_each_and_comes_at_most_ten_times_a_second() {
        let mut board = Board::default();
        assert_eq!(board.due(), None);
        board.join(present(1));
        assert_eq!(board.due(), Some(Instant::now()));
        board.take_round();
        board.tell(1, Some(Bytes::from_static(b"{\"a\":1}")));
        board.tell(1, Some(Bytes::from_static(b"{\"a\":2}")));
        assert_eq!(board.due(), Some(Instant::now() + ROUND));
        let round = board.take_round();
        assert_eq!(round.len(), 1);
        assert_eq!(round[0].state.as_deref(), Some(&b"{\"a\":2}"[..]));
    }

    #[tokio::test(start_paused = true)]
    async fn b4_rounds_become_rarer_as_a_room_grows() {
        let mut board = Board::default();
        (0..500).for_each(|connection| board.join(present(connection)));
        board.take_round();
        board.tell(1, None);
        assert_eq!(board.due(), Some(Instant::now() + Duration::from_secs(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn w7_who_left_or_never_came_has_no_presence() {
        let mut board = Board::default();
        board.tell(9, Some(Bytes::from_static(b"{}")));
        assert_eq!(board.due(), None);
        board.join(present(1));
        board.leave(1);
        assert_eq!(board.take_round()[0].state, None);
        assert!(board.all_but(None).is_empty());
    }
}
