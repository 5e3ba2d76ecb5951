//! Load on a running server: prepared point queries from several connections, and idle sessions.
//!
//! Every query binds another value, announces and fetches: three calls, as a driver makes them. The same is asked of a server
//! that does nothing else (`bare_flight`), in turns, so that it shows what the machine does at the time. What is printed is one
//! JSON object.

mod client;

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use arrow_flight::sql::{SqlInfo, client::FlightSqlServiceClient};
use clap::Parser;
use client::Script;
use futures::future::try_join_all;
use serde_json::json;
use tokio::time::Instant;
use tonic::transport::Channel;

/// Puts load on a server.
#[derive(Debug, Parser)]
struct Options {
    /// The server, as http://HOST:PORT
    #[arg(long)]
    uri: String,
    /// The server that it is compared with
    #[arg(long)]
    bare_uri: String,
    /// The bearer token
    #[arg(long)]
    token: String,
    /// A query with one parameter of type BIGINT that answers one row, and in its first column the parameter
    #[arg(long)]
    query: String,
    /// The parameter runs from 0 to here
    #[arg(long, default_value_t = 1000)]
    values: i64,
    /// How many connections query at the same time
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// For how long each server is queried, in seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// In how many turns
    #[arg(long, default_value_t = 5)]
    turns: u32,
    /// How many sessions are opened and left idle, after that
    #[arg(long, default_value_t = 500)]
    idle: usize,
    /// The server's process, whose memory is looked at
    #[arg(long)]
    pid: u32,
}

// One thread is plenty for the client, and leaves the cores to the server.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    let script = |uri: &str| Script::new(uri, &options.token, &options.query, options.values).map(Arc::new);
    let scripts = [script(&options.uri)?, script(&options.bare_uri)?];
    let mut taken = [Vec::new(), Vec::new()];
    for turn in 0..=options.turns {
        // The first queries open files and plan for the first time; they are not what a server does all day.
        let warms_up = turn == 0;
        let seconds = if warms_up { 1.0 } else { options.seconds as f64 / f64::from(options.turns) };
        for (script, taken) in scripts.iter().zip(&mut taken) {
            let queries = run(script, options.connections, Duration::from_secs_f64(seconds)).await?;
            ensure!(!queries.is_empty(), "no query was answered");
            if !warms_up {
                taken.extend(queries);
            }
        }
    }
    let [mut taken, bare] = taken;
    taken.sort_unstable();
    let at = |share: f64| taken[((taken.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    let before = resident_bytes(options.pid)?;
    let idle = idle(&options).await?;
    let after = resident_bytes(options.pid)?;
    let figures = json!({
        "queries_per_second": taken.len() as f64 / options.seconds as f64,
        "bare_queries_per_second": bare.len() as f64 / options.seconds as f64,
        "of_bare": taken.len() as f64 / bare.len() as f64,
        "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1.0),
        "connections": options.connections,
        "idle_sessions": idle.len(), "idle_sessions_mb": (after.saturating_sub(before)) as f64 / f64::from(1 << 20),
    });
    println!("{figures}");
    Ok(())
}

/// Queries from all connections for so long; answers how long each query took.
async fn run(script: &Arc<Script>, connections: usize, duration: Duration) -> Result<Vec<Duration>> {
    let until = Instant::now() + duration;
    let clients = (0..connections).map(|number| {
        let script = Arc::clone(script);
        tokio::spawn(async move { script.run(&format!("load {number}"), number, until).await })
    });
    let mut all = Vec::new();
    for taken in try_join_all(clients).await? {
        all.extend(taken?);
    }
    Ok(all)
}

/// Opens sessions, each on a connection of its own, and lets each ask one thing.
async fn idle(options: &Options) -> Result<Vec<FlightSqlServiceClient<Channel>>> {
    let mut clients = Vec::with_capacity(options.idle);
    for number in 0..options.idle {
        let mut client = connect(options, &format!("idle {number}")).await?;
        client.get_sql_info(vec![SqlInfo::FlightSqlServerName]).await?;
        clients.push(client);
    }
    Ok(clients)
}

async fn connect(options: &Options, session: &str) -> Result<FlightSqlServiceClient<Channel>> {
    let channel = Channel::from_shared(options.uri.clone())?.tcp_nodelay(true).connect().await?;
    let mut client = FlightSqlServiceClient::new(channel);
    client.set_token(options.token.clone());
    client.set_header("x-sluice-session", session);
    Ok(client)
}

fn resident_bytes(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes * 1024)
}
