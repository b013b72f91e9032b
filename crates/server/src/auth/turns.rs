//! A bounded queue that serves its customers in turn (B1): who brings much waits behind himself, nobody else does.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

pub(super) struct Turns<K, T> {
    /// Whose turn comes when; each customer with something waiting is here once.
    order: VecDeque<K>,
    waiting: HashMap<K, VecDeque<T>>,
    length: usize,
    most: usize,
}

impl<K: Copy + Eq + Hash, T> Turns<K, T> {
    /// A queue of at most `most` things.
    pub(super) fn new(most: usize) -> Self {
        Self { order: VecDeque::new(), waiting: HashMap::new(), length: 0, most }
    }

    /// Queues a thing. If that is one too many, the newest of whoever has most waiting is dropped: it may be this one.
    pub(super) fn push(&mut self, customer: K, thing: T) {
        let own = self.waiting.entry(customer).or_default();
        if own.is_empty() {
            self.order.push_back(customer);
        }
        own.push_back(thing);
        self.length += 1;
        if self.length > self.most {
            self.drop_one();
        }
    }

    /// The next thing, of whoever's turn it is.
    pub(super) fn pop(&mut self) -> Option<T> {
        let customer = self.order.pop_front()?;
        let own = self.waiting.get_mut(&customer)?;
        let thing = own.pop_front();
        if own.is_empty() {
            self.waiting.remove(&customer);
        } else {
            self.order.push_back(customer);
        }
        self.length -= usize::from(thing.is_some());
        thing
    }

    fn drop_one(&mut self) {
        let longest = self.waiting.iter().max_by_key(|(_, things)| things.len());
        let Some(customer) = longest.map(|(customer, _)| *customer) else {
            return;
        };
        let Some(own) = self.waiting.get_mut(&customer) else {
            return;
        };
        own.pop_back();
        self.length -= 1;
        if own.is_empty() {
            self.waiting.remove(&customer);
            self.order.retain(|other| *other != customer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(turns: &mut Turns<char, u32>) -> Vec<u32> {
        std::iter::from_fn(|| turns.pop()).collect()
    }

    #[test]
    fn b1_customers_are_served_in_turn() {
        let mut turns = Turns::new(10);
        for (customer, thing) in [('a', 1), ('a', 2), ('a', 3), ('b', 4), ('c', 5), ('b', 6)] {
            turns.push(customer, thing);
        }
        assert_eq!(rest(&mut turns), [1, 4, 5, 2, 6, 3]);
        assert_eq!(turns.pop(), None);
    }

    #[test]
    fn b1_a_full_queue_is_full_only_for_who_filled_it() {
        let mut turns = Turns::new(3);
        for thing in 1..=5 {
            turns.push('a', thing);
        }
        turns.push('b', 6);
        turns.push('c', 7);
        assert_eq!(rest(&mut turns), [1, 6, 7]);
        assert!(turns.waiting.is_empty() && turns.order.is_empty() && turns.length == 0);
    }
}
