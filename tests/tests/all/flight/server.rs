//! The server process of a test, on a home of its own.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Stdio},
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::client::Client;
use crate::process::Home;

/// A word that is nowhere but in a table that only `ana` may read.
pub(super) const SECRET: &str = "zanzibar";

/// `ana` may read and write; `bob` and `eve` may read numbers and do not know of the rest.
const SETUP: &str = "
CREATE SCHEMA open; CREATE SCHEMA hidden; CREATE SCHEMA lab;
CREATE EXTERNAL TABLE open.numbers STORED AS CSV LOCATION 'numbers.csv';
CREATE EXTERNAL TABLE hidden.secret STORED AS CSV LOCATION 'secret.csv';
SET TAG ON COLUMNS open.numbers (n public);
CREATE TAG pii;
SET TAG ON COLUMNS hidden.secret (id public, word pii);
CREATE USER ana; CREATE USER bob; CREATE USER eve;
GRANT SELECT ON SCHEMA open TO USER ana; GRANT SELECT ON SCHEMA open TO USER bob; GRANT SELECT ON SCHEMA open TO USER eve;
GRANT SELECT ON SCHEMA hidden TO USER ana; GRANT READ ON TAG pii TO USER ana;
GRANT SELECT, INSERT, MODIFY, CREATE ON SCHEMA lab TO USER ana; GRANT READ ON TAG unclassified TO USER ana;
CREATE TOKEN FOR root;
";

/// Rows without end: nobody reads a thousand million of them, a kilobyte each.
pub(super) const ENDLESS: &str =
    "SELECT repeat('x', 1000) AS x, a.n FROM open.numbers a, open.numbers b, open.numbers c";

/// A running server.
pub(super) struct Served {
    /// Kept so that it is there for as long as the process is.
    _home: Home,
    process: Child,
    /// Where it is called.
    pub(super) address: SocketAddr,
    metrics: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
    admin: String,
}

impl Served {
    /// Starts one with `settings` in `[server]`.
    pub(super) fn start(settings: &str) -> Self {
        Self::start_with(settings, &[])
    }

    /// Starts one with `settings` in `[server]` and with `files` in its home.
    pub(super) fn start_with(settings: &str, files: &[(&str, &str)]) -> Self {
        Self::launch(settings, files, &[])
    }

    /// Starts one that sends its spans to `collector`.
    pub(super) fn start_traced(collector: SocketAddr) -> Self {
        Self::launch("", &[], &["--otlp", &format!("http://{collector}")])
    }

    fn launch(settings: &str, files: &[(&str, &str)], more: &[&str]) -> Self {
        let home = Home::new();
        let numbers: String = (0..1000).map(|n| format!("{n}\n")).collect();
        home.write("numbers.csv", &format!("n\n{numbers}"));
        home.write("secret.csv", &format!("id,word\n1,{SECRET}\n"));
        let setup = home.write("setup.sql", SETUP);
        let said = home.ok(&["--format", "csv", "sql", "-f", &setup]);
        let admin = said.lines().last().unwrap().to_owned();
        let file = home.path().join("sluice.toml");
        for (name, text) in files {
            std::fs::write(home.path().join(name), text).unwrap();
        }
        let before = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{before}\n[server]\n{settings}\n")).unwrap();

        let mut process = home
            .command(&["serve", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"])
            .args(more)
            .env_remove("RUST_LOG")
            .env("RUST_BACKTRACE", "0")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (found, addresses) = mpsc::channel();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (stderr, lines) = (BufReader::new(process.stderr.take().unwrap()), Arc::clone(&log));
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if let Some((_, rest)) = line.split_once("://").filter(|_| line.contains(" on ")) {
                    let _ = found.send(rest.trim_end_matches("/metrics").parse().unwrap());
                }
                lines.lock().unwrap().push(line);
            }
        });
        let next =
            || addresses.recv_timeout(Duration::from_secs(120)).unwrap_or_else(|_| panic!("{:?}", log.lock().unwrap()));
        let (metrics, address) = (next(), next());
        Self { _home: home, process, address, metrics, log, admin }
    }

    /// A client of the administrator's.
    pub(super) async fn admin(&self) -> Client {
        Client::connect(self.address).await.bearing(&self.admin)
    }

    /// A client of `who`'s, with a connection and a token of its own.
    pub(super) async fn client(&self, who: &str) -> Client {
        let token = self.token(who).await;
        Client::connect(self.address).await.bearing(&token)
    }

    /// A new token of `who`'s.
    pub(super) async fn token(&self, who: &str) -> String {
        self.admin().await.texts(&format!("CREATE TOKEN FOR {who}")).await.unwrap().remove(0)
    }

    /// The value of a metric without labels.
    pub(super) async fn metric(&self, name: &str) -> i64 {
        let mut socket = TcpStream::connect(self.metrics).await.unwrap();
        socket.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut text = String::new();
        socket.read_to_string(&mut text).await.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).trim().parse().unwrap()
    }

    /// Waits until no statement runs or waits.
    pub(super) async fn at_rest(&self) {
        super::eventually("an end of all statements", async || {
            self.metric("sluice_running_statements").await == 0 && self.metric("sluice_queued_statements").await == 0
        })
        .await;
    }

    /// How many cores the process keeps busy, over `time`.
    pub(super) async fn busy(&self, time: Duration) -> f64 {
        let (started, before) = (Instant::now(), self.processor_s());
        tokio::time::sleep(time).await;
        (self.processor_s() - before) / started.elapsed().as_secs_f64()
    }

    /// How much time of processors the process has had, in seconds.
    fn processor_s(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        // Behind the name, which may hold anything: the eleventh and twelfth are user and system time in hundredths.
        let fields = stat.rsplit_once(") ").unwrap().1.split(' ').skip(11).take(2);
        fields.map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
    }

    /// Waits until nothing runs, and nothing is computed that nobody has counted.
    pub(super) async fn idle(&self) {
        self.at_rest().await;
        super::eventually("an idle server", async || self.busy(Duration::from_millis(300)).await < 0.2).await;
    }

    /// How much memory the process has in use, in mebibytes.
    pub(super) fn resident_mb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok()).unwrap() >> 10
    }

    /// Waits until the process has no more than so many mebibytes in use, or for long enough: what is free goes back to the
    /// system after a while. Answers how many it has.
    pub(super) async fn comes_down_to(&self, most_mb: u64) -> u64 {
        let waiting = Instant::now();
        while self.resident_mb() > most_mb && waiting.elapsed() < super::PATIENCE {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.resident_mb()
    }

    /// What is in the log of panics. Those of `tolerated` code are caught where they happen.
    pub(super) fn panics(&self, tolerated: &str) -> Vec<String> {
        let log = self.log.lock().unwrap();
        let panics = log.iter().enumerate().filter(|(_, line)| line.contains("panicked at"));
        let panics = panics.filter(|(_, line)| tolerated.is_empty() || !line.contains(tolerated));
        panics.map(|(at, _)| log[at..(at + 2).min(log.len())].join(" ")).collect()
    }

    /// Asks the process to end.
    pub(super) fn terminate(&self) {
        let kill = std::process::Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status();
        assert!(kill.unwrap().success());
    }

    /// Waits for the end of the process.
    pub(super) async fn ended(&mut self) -> std::process::ExitStatus {
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Whether the process is there.
    pub(super) fn is_there(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    /// The process must be there, and its log without panics and without what the tables hold.
    pub(super) fn must_be_well(&mut self, tolerated: &str) {
        let ended = self.process.try_wait().unwrap();
        assert!(ended.is_none(), "the server is gone, {ended:?}: {:#?}", self.log.lock().unwrap());
        assert_eq!(self.panics(tolerated), [""; 0]);
        assert!(!self.log.lock().unwrap().iter().any(|line| line.contains(SECRET)));
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
