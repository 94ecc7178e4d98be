use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{Server, free_port};

/// A certificate authority and a certificate for 127.0.0.1, made by `openssl` for one test.
pub struct Certificates {
    dir: TempDir,
}

impl Certificates {
    /// Makes them.
    ///
    /// # Panics
    ///
    /// If there is no `openssl`.
    pub fn make() -> Self {
        Self::by(
            "subjectAltName=IP:127.0.0.1",
            &[
                "req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca.key -out ca.crt -subj /CN=test-ca \
             -addext basicConstraints=critical,CA:TRUE",
                "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=127.0.0.1",
                "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
             -extfile names -out server.crt",
            ],
        )
    }

    /// Makes one certificate that is its own authority, `server.crt` and `ca.crt` alike, with these
    /// extensions in words of openssl and for so many days; -1: it has expired.
    ///
    /// # Panics
    ///
    /// If there is no `openssl`.
    pub fn self_signed(extensions: &str, days: i32) -> Self {
        let made = Self::by(
            extensions,
            &[
                "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=127.0.0.1",
                &format!(
                    "x509 -req -in server.csr -signkey server.key -days {days} -extfile names \
                 -out server.crt"
                ),
            ],
        );
        std::fs::copy(made.path("server.crt"), made.path("ca.crt")).expect("a copy");
        made
    }

    fn by(extensions: &str, lines: &[&str]) -> Self {
        let made = Self { dir: tempfile::tempdir().expect("a temporary directory") };
        std::fs::write(made.path("names"), extensions).expect("a file");
        for line in lines {
            let done = Command::new("openssl")
                .args(line.split_whitespace())
                .current_dir(made.dir.path())
                .output()
                .expect("openssl; type: apt-get install openssl");
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        }
        made
    }

    /// One of the files: `ca.crt`, `server.crt`, `server.key`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A server that takes TLS alone, and asks clients for a certificate if told to.
    pub fn server(&self, ask_clients: bool) -> Server {
        let port = free_port();
        let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
        let options = [
            "--port".to_owned(),
            "0".to_owned(),
            "--tls-port".to_owned(),
            port.to_string(),
            "--tls-cert-file".to_owned(),
            text(&self.path("server.crt")),
            "--tls-key-file".to_owned(),
            text(&self.path("server.key")),
            "--tls-ca-cert-file".to_owned(),
            text(&self.path("ca.crt")),
            "--tls-auth-clients".to_owned(),
            if ask_clients { "yes" } else { "no" }.to_owned(),
        ];
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        Server::launch("redis-server", port, &options)
    }
}
