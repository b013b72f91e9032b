//! Passwords: checked and hashed with Argon2id on a thread of their own, one at a time (B1).
//! Never kept, never told, never logged.

use std::{sync::Arc, thread};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier},
};
use engine::refusal::Refusal;
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;
use unicode_normalization::UnicodeNormalization;

use super::turns::Turns;
use crate::address::Address;

/// Jobs that wait in one queue: some six seconds of work.
const WAITING: usize = 256;

/// A password as it is hashed: NFKC, so that it does not matter how a keyboard composes its accents.
pub(crate) struct Password(String);

/// The text cannot be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a password has 8 to 256 characters")]
pub(crate) struct NotAPassword;

impl Password {
    /// A password that somebody chooses.
    pub(crate) fn new(typed: &str) -> Result<Self, NotAPassword> {
        let length = typed.chars().count();
        if !(8..=256).contains(&length) {
            return Err(NotAPassword);
        }
        Ok(Self(typed.nfkc().collect()))
    }

    /// Its Argon2id hash with a new salt, in PHC notation. Takes tens of milliseconds and 19 MiB.
    pub(crate) fn hash(&self) -> Result<String, argon2::password_hash::Error> {
        // The defaults are m = 19 MiB, t = 2, p = 1; a test holds them to that.
        let hash = Argon2::default().hash_password(self.0.as_bytes())?;
        Ok(hash.to_string())
    }

    fn is(&self, hash: &str) -> bool {
        Argon2::default().verify_password(self.0.as_bytes(), hash).is_ok()
    }
}

/// Where passwords are checked. One thread serves two queues, turn by turn.
pub(crate) struct Passwords {
    desk: Arc<Desk>,
    /// What the passwords of unknown people are compared with, so that they take as long.
    decoy: Arc<str>,
}

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Desk {
    queues: Mutex<Queues>,
    changed: Condvar,
}

struct Queues {
    sign_in: Turns<Address, Job>,
    sign_up: Turns<Address, Job>,
    /// Which of the two is next.
    next_is_sign_up: bool,
    closed: bool,
}

impl Default for Queues {
    fn default() -> Self {
        Self { sign_in: Turns::new(WAITING), sign_up: Turns::new(WAITING), next_is_sign_up: false, closed: false }
    }
}

impl Queues {
    fn next(&mut self) -> Option<Job> {
        self.next_is_sign_up = !self.next_is_sign_up;
        if self.next_is_sign_up {
            self.sign_in.pop().or_else(|| self.sign_up.pop())
        } else {
            self.sign_up.pop().or_else(|| self.sign_in.pop())
        }
    }
}

impl Passwords {
    /// Starts the thread, which ends when this is dropped.
    pub(crate) fn start() -> Result<Self, String> {
        let decoy = Password(SECRET_OF_NOBODY.to_owned()).hash();
        let decoy = decoy.map_err(|error| error.to_string())?.into();
        let desk = Arc::new(Desk::default());
        let behind = Arc::clone(&desk);
        thread::Builder::new()
            .name("passwords".to_owned())
            .spawn(move || behind.serve())
            .map_err(|error| error.to_string())?;
        Ok(Self { desk, decoy })
    }

    /// Whether it is the password behind the hash. Without a hash it is not, and takes as long to say.
    ///
    /// # Errors
    /// `TooMany` if too much from that address waits already.
    pub(crate) async fn verify(
        &self,
        from: Address,
        password: Password,
        hash: Option<String>,
    ) -> Result<bool, Refusal> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.to_string());
        let check = move || password.is(&hash) && known;
        self.ask(|queues| &mut queues.sign_in, from, check).await
    }

    /// The hash of a new password.
    ///
    /// # Errors
    /// `TooMany` if too much from that address waits already; `Unavailable` if there is no memory or no randomness.
    pub(crate) async fn hash(&self, from: Address, password: Password) -> Result<String, Refusal> {
        let hash = self.ask(|queues| &mut queues.sign_up, from, move || password.hash());
        hash.await?.map_err(|error| {
            tracing::error!("a password could not be hashed: {error}");
            Refusal::Unavailable
        })
    }

    async fn ask<T: Send + 'static>(
        &self,
        queue: impl FnOnce(&mut Queues) -> &mut Turns<Address, Job>,
        from: Address,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move || {
            // Who hung up in the meantime needs no answer.
            if !answer.is_closed() {
                let _ = answer.send(work());
            }
        });
        queue(&mut self.desk.queues.lock()).push(from, job);
        self.desk.changed.notify_one();
        // A job that was dropped from the queue never answers.
        answered.await.map_err(|_| Refusal::TooMany)
    }
}

impl Drop for Passwords {
    fn drop(&mut self) {
        self.desk.queues.lock().closed = true;
        self.desk.changed.notify_one();
    }
}

impl Desk {
    fn serve(&self) {
        loop {
            let mut queues = self.queues.lock();
            let job = loop {
                if queues.closed {
                    return;
                }
                match queues.next() {
                    Some(job) => break job,
                    None => self.changed.wait(&mut queues),
                }
            };
            drop(queues);
            job();
        }
    }
}

const SECRET_OF_NOBODY: &str = "nobody has this password";

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    #[test]
    fn b1_hashes_cost_what_was_promised() {
        let hash = Password::new("correct horse").unwrap().hash().unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    }

    #[test]
    fn passwords_are_the_same_however_they_are_composed() {
        let hash = Password::new("pässword").unwrap().hash().unwrap();
        assert!(Password::new("pa\u{308}ssword").unwrap().is(&hash));
        assert!(!Password::new("password").unwrap().is(&hash));
        assert!(!Password::new("pässword").unwrap().is("not a hash"));
    }

    #[test]
    fn passwords_have_bounds() {
        for bad in ["", "1234567", "ééééééé", &"x".repeat(257)] {
            assert!(Password::new(bad).is_err());
        }
        assert!(Password::new("12345678").is_ok() && Password::new(&"é".repeat(256)).is_ok());
    }

    #[tokio::test]
    async fn b1_unknown_people_are_refused_even_with_the_decoys_password() {
        let passwords = Passwords::start().unwrap();
        let here = Address::from(IpAddr::from(Ipv4Addr::LOCALHOST));
        let typed = || Password::new(SECRET_OF_NOBODY).unwrap();
        let known = Some(typed().hash().unwrap());
        assert_eq!(passwords.verify(here, typed(), known).await, Ok(true));
        assert_eq!(passwords.verify(here, typed(), None).await, Ok(false));
    }
}
