//! Faults made by `strace`: system calls of a helper that fail, or that kill it.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
};

use crate::helper::Helper;

/// A strace that holds a running helper; its faults end when it is dropped.
pub(crate) struct Strace {
    child: Child,
    /// It speaks of each new thread, and would end if nobody listened.
    _said: BufReader<ChildStderr>,
}

impl Strace {
    /// From now on, these calls fail with this error; only those on `path`, if one is given.
    /// A call is `fsync,fdatasync`, an error is `EIO` or `EIO:when=3+`.
    pub(crate) fn fail(helper: &Helper, calls: &str, error: &str, path: Option<&Path>) -> Self {
        Self::inject(helper, calls, &format!("error={error}"), path)
    }

    /// From now on, these calls on `path` kill the helper.
    pub(crate) fn forbid(helper: &Helper, calls: &str, path: &Path) -> Self {
        Self::inject(helper, calls, "signal=KILL", Some(path))
    }

    fn inject(helper: &Helper, calls: &str, fault: &str, path: Option<&Path>) -> Self {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-o", "/dev/null", "-p", &helper.id().to_string()]);
        strace.args(["-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:{fault}")]);
        if let Some(path) = path {
            strace.arg("-P").arg(path);
        }
        let mut child = strace.stderr(Stdio::piped()).spawn().expect("this test needs `strace`");
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert!(line.contains("attached"), "strace cannot trace here, which this test needs: {line}");
        Self { child, _said: said }
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        // Interrupted, it lets the helper go on.
        let interrupted = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        assert!(interrupted.unwrap().success());
        self.child.wait().unwrap();
    }
}

/// The words that start a helper whose `at`-th such call kills it before it happens.
pub(crate) fn killing(calls: &str, at: usize) -> Vec<String> {
    let inject = format!("inject={calls}:signal=KILL:when={at}");
    let trace = format!("trace={calls}");
    ["strace", "-f", "-o", "/dev/null", "-e", &trace, "-e", &inject].map(str::to_owned).to_vec()
}

/// The words that start a helper whose calls fail from the first on, on this path only.
pub(crate) fn failing(calls: &str, error: &str, path: &Path) -> Vec<String> {
    let inject = format!("inject={calls}:error={error}");
    let trace = format!("trace={calls}");
    let path = path.to_str().unwrap();
    ["strace", "-f", "-o", "/dev/null", "-e", &trace, "-e", &inject, "-P", path].map(str::to_owned).to_vec()
}

pub(crate) fn words(owned: &[String]) -> Vec<&str> {
    owned.iter().map(String::as_str).collect()
}
