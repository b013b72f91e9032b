//! Lines on which nobody has joined yet (B3). When there are too many, the oldest is cut: so strangers can never keep out who is
//! about to join. Who opens and drops them faster than they can be forgotten is refused.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::limits::Limits;
use crate::address::Address;

/// Socket.IO keeps a session that nobody joined in memory until its time to join is over, even when it has ended. There may be
/// so many times more of these than newcomers who are still there.
const ENDED: usize = 4;

/// All newcomers.
#[derive(Debug)]
pub(super) struct Newcomers {
    limits: Arc<Limits>,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    next: u64,
    /// Who is still there, in the order of arrival.
    present: BTreeMap<u64, (Address, CancellationToken)>,
    by_address: HashMap<Address, Here>,
    /// Who is still in memory.
    kept: usize,
}

/// Those of one address.
#[derive(Debug, Default)]
struct Here {
    present: BTreeSet<u64>,
    kept: usize,
}

/// A newcomer's place, given back when it is dropped: when somebody joins, or nothing is left of the line.
#[derive(Debug)]
pub(super) struct Newcomer {
    newcomers: Arc<Newcomers>,
    from: Address,
    number: u64,
}

impl Newcomers {
    pub(super) fn new(limits: Arc<Limits>) -> Arc<Self> {
        Arc::new(Self { limits, book: Mutex::default() })
    }

    /// Lets somebody in, whose line is cut by this token; not if too many came from there in a short time, unless it is
    /// somebody whom we know.
    pub(super) fn admit(self: &Arc<Self>, from: Address, is_known: bool, cut: &CancellationToken) -> Option<Newcomer> {
        let Limits { newcomers_per_address, newcomers, .. } = *self.limits;
        let mut book = self.book.lock();
        let here = book.by_address.entry(from).or_default();
        let is_flooding = here.kept >= ENDED * newcomers_per_address;
        let oldest_here = here.present.first().copied().filter(|_| here.present.len() >= newcomers_per_address);
        if !is_known && (is_flooding || book.kept >= ENDED * newcomers) {
            return None;
        }
        book.turn_out(oldest_here);
        let oldest = book.present.first_key_value().map(|(number, _)| *number);
        let is_full = book.present.len() >= newcomers;
        book.turn_out(oldest.filter(|_| is_full));
        let number = book.arrive(from, cut.clone());
        Some(Newcomer { newcomers: Arc::clone(self), from, number })
    }
}

impl Book {
    fn arrive(&mut self, from: Address, cut: CancellationToken) -> u64 {
        self.next += 1;
        self.present.insert(self.next, (from, cut));
        self.kept += 1;
        let here = self.by_address.entry(from).or_default();
        here.present.insert(self.next);
        here.kept += 1;
        self.next
    }

    fn turn_out(&mut self, number: Option<u64>) {
        let Some((number, (from, cut))) = number.and_then(|number| self.present.remove_entry(&number)) else { return };
        if let Some(here) = self.by_address.get_mut(&from) {
            here.present.remove(&number);
        }
        cut.cancel();
    }

    fn forget(&mut self, number: u64, from: Address) {
        self.present.remove(&number);
        self.kept -= 1;
        if let Some(here) = self.by_address.get_mut(&from) {
            here.present.remove(&number);
            here.kept -= 1;
            if here.kept == 0 {
                self.by_address.remove(&from);
            }
        }
    }
}

impl Newcomer {
    pub(super) fn from(&self) -> Address {
        self.from
    }
}

impl Drop for Newcomer {
    fn drop(&mut self) {
        self.newcomers.book.lock().forget(self.number, self.from);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn address(last: u8) -> Address {
        IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)).into()
    }

    fn newcomers() -> Arc<Newcomers> {
        Newcomers::new(Arc::new(Limits { newcomers_per_address: 2, newcomers: 3, ..Limits::for_tests() }))
    }

    #[test]
    fn b3_too_many_newcomers_cost_the_oldest_its_place() {
        let newcomers = newcomers();
        let tokens: Vec<_> = (0..5).map(|_| CancellationToken::new()).collect();
        let cut = || tokens.iter().map(CancellationToken::is_cancelled).collect::<Vec<_>>();
        let admit = |from, token| newcomers.admit(address(from), false, token).unwrap();
        let _there = [admit(1, &tokens[0]), admit(1, &tokens[1]), admit(1, &tokens[2])];
        assert_eq!(cut(), [true, false, false, false, false], "two from one address");
        let _more = [admit(2, &tokens[3]), admit(3, &tokens[4])];
        assert_eq!(cut(), [true, true, false, false, false], "three in all");
    }

    #[test]
    fn b3_who_floods_is_refused_but_not_whom_we_know() {
        let newcomers = newcomers();
        let admit = |from, is_known| newcomers.admit(address(from), is_known, &CancellationToken::new());
        let mut kept: Vec<_> = (0..8).map(|_| admit(1, false).unwrap()).collect();
        assert!(admit(1, false).is_none());
        assert!(admit(1, true).is_some());
        assert!(admit(2, false).is_some());
        kept.pop();
        assert!(admit(1, false).is_some());
        kept.clear();
        let book = newcomers.book.lock();
        assert_eq!((book.kept, book.by_address.len()), (0, 0));
    }
}
