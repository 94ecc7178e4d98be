//! `papyra serve` as a process.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::command::papyra;

/// A running server, ended when dropped.
pub struct Served {
    child: Child,
    /// Where it listens, as `host:port`.
    pub address: String,
}

impl Served {
    /// Starts `papyra serve` on a file and a free port.
    ///
    /// # Panics
    ///
    /// If it does not say where it listens.
    pub fn start(path: &Path) -> Self {
        Self::with([OsStr::new("--path"), path.as_os_str()])
    }

    /// The same with these options, which name the store.
    ///
    /// # Panics
    ///
    /// If it does not say where it listens.
    pub fn with(store: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let mut child = Command::new(papyra())
            .args(["serve", "--listen", "127.0.0.1:0", "--check-every", "1s"])
            .args(store)
            .stderr(Stdio::piped())
            .spawn()
            .expect("it answers");
        let mut line = String::new();
        BufReader::new(child.stderr.take().expect("it answers"))
            .read_line(&mut line)
            .expect("it answers");
        let address = line.split("http://").nth(1).unwrap_or_else(|| panic!("{line}"));
        Self { address: address.trim().trim_end_matches('/').to_owned(), child }
    }

    /// The status and the whole answer to a request such as `GET /`.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn ask(&self, request: &str, host: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("it answers");
        write!(stream, "{request} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
            .expect("it answers");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or_else(|| panic!("{answer}")), answer)
    }

    /// The same for a path, asked of this machine.
    pub fn get(&self, path: &str) -> (u16, String) {
        self.ask(&format!("GET {path}"), "localhost")
    }

    /// Asks until the answer is of this status.
    ///
    /// # Panics
    ///
    /// If it is not within a minute.
    pub fn wait_for(&self, path: &str, status: u16) -> String {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            match self.get(path) {
                (now, answer) if now == status => return answer,
                (_, answer) => assert!(Instant::now() < until, "never {status}: {answer}"),
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
