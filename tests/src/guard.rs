//! A server of the tests' own ends with them.
//!
//! It runs under a shell that waits on a pipe from the test process. When that pipe closes (on purpose, on drop, or because the
//! test process died in whatever way) the shell kills the server with all that it started, with SIGKILL.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    fs,
    io::Write,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
};

use tempfile::TempDir;

/// Runs the server in a session of its own until the standard input ends. A line before the end means: keep the folder. Of
/// what the server started, what made itself a session of its own is found as its child.
const GUARD: &str = r#"
setsid "$@" >"$FOLDER/server.out" 2>&1 & server=$!
if read -r _; then keep=1; cat >/dev/null; fi
children=$(cat "/proc/$server/task/$server/children" 2>/dev/null)
kill -9 "$server" "-$server" $children 2>/dev/null
wait
[ -n "$keep" ] || rm -rf "$FOLDER"
"#;

/// A folder, and a server on it that may be killed and started again.
#[derive(Debug)]
pub struct Guard {
    folder: TempDir,
    running: Mutex<Option<Child>>,
}

impl Guard {
    /// A folder whose name begins so, and no server yet.
    ///
    /// # Panics
    /// If there is no room for it.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        let folder = tempfile::Builder::new().prefix(prefix).tempdir().unwrap();
        Self { folder, running: Mutex::new(None) }
    }

    /// The folder; it goes with the guard, or with the test process.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts a server: program, arguments and environment of this command.
    ///
    /// # Panics
    /// If one is running already.
    pub fn start(&self, server: &Command) {
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, "guard"]).arg(server.get_program()).args(server.get_args());
        guard.envs(server.get_envs().filter_map(|(name, value)| Some((name, value?))));
        // a Ctrl-C on the terminal must not end the guard before it has done its work
        guard.env("FOLDER", self.folder()).stdin(Stdio::piped()).process_group(0);
        let mut running = self.running.lock().unwrap();
        assert!(running.is_none(), "the server is running already");
        *running = Some(guard.spawn().unwrap());
    }

    /// What the server has said since it was started.
    pub fn said(&self) -> String {
        fs::read_to_string(self.folder().join("server.out")).unwrap_or_default()
    }

    /// Kills the server, if it runs, with SIGKILL. The folder stays. Returns whether there was one.
    pub fn kill9(&self) -> bool {
        self.end(true)
    }

    fn end(&self, keep: bool) -> bool {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut guard) = running else { return false };
        let mut pipe = guard.stdin.take().unwrap();
        if keep {
            // a guard whose server ended by itself still waits for its pipe
            pipe.write_all(b"keep\n").unwrap();
        }
        drop(pipe);
        guard.wait().unwrap();
        true
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.end(false);
    }
}
