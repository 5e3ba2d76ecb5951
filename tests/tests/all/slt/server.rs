//! A home, a principal that may do what the files do, and `sluice serve` on it.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use crate::process::Home;

/// As whom the files run: an administrator, since only administrators make schemas and external tables, who may read
/// and process what nobody has classified, since nobody classifies what the files make.
const SETUP: &str = "
CREATE USER tester;
ALTER GROUP admins ADD USER tester;
GRANT READ ON TAG unclassified TO USER tester;
GRANT PROCESS ON TAG unclassified TO USER tester;
";

/// What DataFusion's own runner sets, so that what depends on how work is divided depends on it alike.
const SETTINGS: &str = "target_partitions = 4\n";

/// A server that ends with this value.
pub(super) struct Server {
    home: Home,
    child: Child,
    pub(super) address: String,
    pub(super) token: String,
}

impl Server {
    /// Starts a server on a port of its own choice.
    pub(super) fn start() -> Self {
        let home = Home::new();
        std::fs::write(home.path().join("sluice.toml"), SETTINGS).unwrap();
        home.ok(&["sql", "-c", SETUP]);
        let answer = home.ok(&["--format", "json", "sql", "-c", "CREATE TOKEN FOR tester"]);
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        let token = answer[0]["token"].as_str().unwrap().to_owned();
        let mut child = home.command(&["serve", "--listen", "127.0.0.1:0"]).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("listening on grpc://").map(str::to_owned))
            .expect("the server says where it listens");
        // A pipe that nobody reads fills, and what the server has to say belongs to the test's output.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| eprintln!("server: {line}")));
        Self { home, child, address, token }
    }

    /// Asks the server to end, as an operator would, and sees that it ends well.
    pub(super) fn stop(mut self) {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(asked.success());
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(0), "{}", self.home.path().display());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `stop` there is nothing left to end; after a panic there is.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
