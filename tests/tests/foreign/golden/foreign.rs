//! The engine in another language, on a file.

use papyra_tests::embed::{Driver, Host};
use serde_json::json;
use tempfile::TempDir;

use super::Subject;
use super::case::{self, Case, Reply, Report, Step};
use super::sandbox::{contents, folder};

pub struct Foreign {
    driver: Driver,
    dir: TempDir,
}

impl Foreign {
    /// Uses the driver of the previous case, if there was one.
    pub fn new(host: Host, driver: Option<Driver>, case: &Case, rotating: bool) -> Self {
        let mut driver = driver.unwrap_or_else(|| Driver::start(host));
        let dir = folder(case);
        let mut options =
            json!({"quarantine_dir": dir.path().join("quarantine"), "clock": case.clock});
        if rotating {
            // None of the journals is as large: the vectors say what one file holds.
            options["max_bytes"] = json!(1_000_000_000);
        }
        driver.open(&dir.path().join("golden.ndjson"), options);
        Self { driver, dir }
    }

    pub fn into_driver(self) -> Driver {
        self.driver
    }
}

impl Subject for Foreign {
    async fn call(&mut self, step: &Step) -> Reply {
        let asked = json!({"call": step.name, "with": step.with});
        let reply = self.driver.ask_as_is("contract", asked);
        let failed = |(code, message, line): (String, _, _)| case::failure(&code, message, line);
        reply.map(Report::Foreign).map_err(failed)
    }

    fn bytes(&self) -> (Vec<u8>, Vec<u8>) {
        contents(&self.dir)
    }
}
