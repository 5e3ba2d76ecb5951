//! Load on a running server: prepared point queries from several connections, and idle sessions.
//!
//! Every query binds another value, announces and fetches: three calls, as a driver makes them. The same is asked of a server
//! that does nothing else (`bare_flight`), in turns, so that it shows what the machine does at the time. What is printed is one
//! JSON object.

mod client;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use arrow_flight::sql::{SqlInfo, client::FlightSqlServiceClient};
use clap::Parser;
use client::{Client, Script};
use futures::future::try_join_all;
use serde_json::json;
use tonic::transport::Channel;

/// How many ticks of processor time Linux counts in a second, whatever its own clock does.
const TICKS: f64 = 100.0;

/// Puts load on a server.
#[derive(Debug, Parser)]
struct Options {
    /// The server, as http://HOST:PORT
    #[arg(long)]
    uri: String,
    /// The server's process, whose time and memory are looked at
    #[arg(long)]
    pid: u32,
    /// The server that it is compared with
    #[arg(long)]
    bare_uri: String,
    /// That server's process
    #[arg(long)]
    bare_pid: u32,
    /// The bearer token
    #[arg(long)]
    token: String,
    /// A query with one parameter of type BIGINT that answers one row: the parameter, and its double
    #[arg(long)]
    query: String,
    /// The parameter runs from 0, and stays below this
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(i64).range(1..))]
    values: i64,
    /// How many connections query at the same time
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// For how long each server is queried, in seconds
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// In how many turns
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    turns: u32,
    /// How many sessions are opened and left idle, after that
    #[arg(long, default_value_t = 500)]
    idle: usize,
}

/// A server under load, and what was seen of it.
struct Measured {
    pid: u32,
    clients: Vec<Client>,
    /// How long each query took.
    taken: Vec<Duration>,
    /// How long all of them took, in seconds.
    seconds: f64,
    /// How much processor time the server took for them, in seconds.
    server: f64,
    /// How much this process took for them, in seconds.
    client: f64,
}

// One thread, so that the other core is the server's.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    let mut servers = [
        Measured::connect(&options, &options.uri, options.pid).await?,
        Measured::connect(&options, &options.bare_uri, options.bare_pid).await?,
    ];
    let turn = Duration::from_secs(options.seconds.into()) / options.turns;
    for number in 0..=options.turns {
        // What one server still does when its turn is over falls into the other's.
        for which in if number % 2 == 0 { [0, 1] } else { [1, 0] } {
            servers[which].query(turn).await?;
            if number == 0 {
                // The first queries open files and plan for the first time; they are not what a server does all day.
                servers[which].forget();
            }
        }
    }
    let [sluice, bare] = servers;
    let before = resident_bytes(options.pid)?;
    let idle = idle(&options).await?;
    let after = resident_bytes(options.pid)?;
    let figures = json!({
        "sluice": sluice.figures(),
        "bare": bare.figures(),
        "queries_to_bare": rounded(sluice.queries_per_second() / bare.queries_per_second()),
        "server_ms_to_bare": rounded(sluice.server_ms() / bare.server_ms()),
        "connections": options.connections,
        "idle_sessions": idle.len(), "idle_sessions_mb": rounded((after.saturating_sub(before)) as f64 / f64::from(1 << 20)),
    });
    println!("{figures}");
    Ok(())
}

impl Measured {
    async fn connect(options: &Options, uri: &str, pid: u32) -> Result<Self> {
        let script = Arc::new(Script::new(uri, &options.token, &options.query, options.values)?);
        let mut clients = Vec::new();
        for number in 0..options.connections {
            clients.push(Client::connect(&script, &format!("load {number}"), number as usize).await?);
        }
        Ok(Self { pid, clients, taken: Vec::new(), seconds: 0.0, server: 0.0, client: 0.0 })
    }

    /// Queries from all connections for so long.
    async fn query(&mut self, duration: Duration) -> Result<()> {
        let (server, client) = (processor_seconds(self.pid)?, processor_seconds(std::process::id())?);
        let started = Instant::now();
        let until = started + duration;
        let querying = self.clients.drain(..).map(|mut client| {
            tokio::spawn(async move {
                let taken = client.query(until).await?;
                anyhow::Ok((client, taken))
            })
        });
        for queried in try_join_all(querying.collect::<Vec<_>>()).await? {
            let (client, taken) = queried?;
            ensure!(!taken.is_empty(), "no query was answered");
            self.clients.push(client);
            self.taken.extend(taken);
        }
        self.seconds += started.elapsed().as_secs_f64();
        self.server += processor_seconds(self.pid)? - server;
        self.client += processor_seconds(std::process::id())? - client;
        Ok(())
    }

    /// As if nothing had been queried.
    fn forget(&mut self) {
        self.taken.clear();
        (self.seconds, self.server, self.client) = (0.0, 0.0, 0.0);
    }

    fn queries_per_second(&self) -> f64 {
        self.taken.len() as f64 / self.seconds
    }

    /// How much processor time the server takes for a query, in milliseconds.
    fn server_ms(&self) -> f64 {
        self.server * 1000.0 / self.taken.len() as f64
    }

    fn figures(&self) -> serde_json::Value {
        let mut taken = self.taken.clone();
        taken.sort_unstable();
        let at = |share: f64| rounded(taken[((taken.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0);
        json!({
            "queries_per_second": rounded(self.queries_per_second()),
            "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1.0),
            "server_ms": rounded(self.server_ms()),
            "client_cores": rounded(self.client / self.seconds),
        })
    }
}

/// `figure` as far as it says anything.
fn rounded(figure: f64) -> f64 {
    (figure * 1000.0).round() / 1000.0
}

/// Opens sessions, each on a connection of its own, and lets each ask one thing.
async fn idle(options: &Options) -> Result<Vec<FlightSqlServiceClient<Channel>>> {
    let mut clients = Vec::with_capacity(options.idle);
    for number in 0..options.idle {
        let channel = Channel::from_shared(options.uri.clone())?.tcp_nodelay(true).connect().await?;
        let mut client = FlightSqlServiceClient::new(channel);
        client.set_token(options.token.clone());
        client.set_header("x-sluice-session", format!("idle {number}"));
        client.get_sql_info(vec![SqlInfo::FlightSqlServerName]).await?;
        clients.push(client);
    }
    Ok(clients)
}

/// How much time of processors the process has taken, in seconds.
fn processor_seconds(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name of the program, in parentheses, may contain anything.
    let (_, behind) = status.rsplit_once(')').context("no name")?;
    let mut fields = behind.split_whitespace().skip(11);
    let mut next = || -> Result<f64> { Ok(fields.next().context("no time")?.parse()?) };
    Ok((next()? + next()?) / TICKS)
}

fn resident_bytes(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes * 1024)
}
