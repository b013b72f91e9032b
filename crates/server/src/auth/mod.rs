//! Who somebody is: passwords, tokens, sessions, and the budgets that guard them. Does not decide what anybody may do.

pub(crate) mod cookie;
pub(crate) mod invitation;
pub(crate) mod password;
pub(crate) mod secret;
pub(crate) mod sessions;
pub(crate) mod throttle;
mod token;
mod turns;
