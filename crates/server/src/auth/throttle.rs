//! How often somebody may try to sign in or up: token buckets by address, and by name with address (B1).
//! A name alone is never locked, so that nobody can keep another person out.

use std::{num::NonZeroU32, time::Duration};

use engine::person::Name;
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};

use crate::address::Address;

/// The buckets. Each is full at first and fills evenly.
pub(crate) struct Throttle {
    clock: DefaultClock,
    addresses: DefaultKeyedRateLimiter<Address>,
    names: DefaultKeyedRateLimiter<(Address, String)>,
}

impl Throttle {
    /// So many attempts a minute from one address; a sixth of that for one name from there.
    pub(crate) fn new(per_minute: NonZeroU32) -> Self {
        let per_name = NonZeroU32::new(per_minute.get() / 6).unwrap_or(NonZeroU32::MIN);
        Self {
            clock: DefaultClock::default(),
            addresses: RateLimiter::dashmap(Quota::per_minute(per_minute)),
            names: RateLimiter::dashmap(Quota::per_minute(per_name)),
        }
    }

    /// Takes note of an attempt.
    ///
    /// # Errors
    /// How long to wait, if there were too many.
    pub(crate) fn attempt(&self, from: Address, name: &Name) -> Result<(), Duration> {
        let now = self.clock.now();
        let by_address = self.addresses.check_key(&from);
        by_address.map_err(|until| until.wait_time_from(now))?;
        let by_name = self.names.check_key(&(from, name.folded().to_owned()));
        by_name.map_err(|until| until.wait_time_from(now))
    }

    /// Forgets the buckets that are full again. Call it now and then.
    pub(crate) fn tidy(&self) {
        self.addresses.retain_recent();
        self.names.retain_recent();
    }
}
