//! Arrow Flight SQL on the wire, and nothing else.
//!
//! A call is authenticated (`identity`), finds its session (`sessions`), and becomes calls to [`sluice_engine`], whose
//! answers and errors are written as Flight messages (`wire`) and gRPC statuses (`status`). Nothing is decided here:
//! whoever asks is handed to the engine by name, and the engine decides each time.
//!
//! # Guarantees
//!
//! - Every call is authenticated, and whatever it reads or changes is authorized when it does, fetches included.
//! - A handle says nothing: it is random, works for the principal and session that got it and for nobody else, and
//!   expires. One that is unknown, foreign or expired is answered alike.
//! - Metadata calls answer what the caller may know of, and error texts what the command line would say.
//! - What runs at once, waits, is answered, is held in memory and goes unread is bounded, for each principal and in
//!   all.
//! - Without a certificate the server listens on loopback only.
//!
//! # Non-guarantees
//!
//! - A statement that is cancelled, or whose time is up, is answered at once and ends at its plan's next pause; until then it
//!   keeps its place.
//! - The last 4 MiB of an answer, and a column of a message more, may wait for their reader after the statement has
//!   ended, and then count for nobody. A connection can have 100 of these.
//! - There are no transactions of several statements: each statement is one of its own.
//! - Handles and sessions are this process's: they do not survive it, and another process does not know them.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use sluice_engine::Engine;
//! use sluice_flight_server::{Listen, Server};
//!
//! let engine = Engine::open("home".as_ref()).await?;
//! let server = Server::bind(engine, Listen::loopback()).await?;
//! eprintln!("listening on {}", server.uri());
//! server.run(std::future::pending()).await;
//! # Ok(())
//! # }
//! ```

mod certificates;
mod coalesced;
mod connections;
mod do_get;
mod executor;
mod handles;
mod http2;
mod identity;
mod limits;
mod metrics;
mod options;
mod server;
mod service;
mod sessions;
mod status;
mod telemetry;
pub mod wire;

pub use options::{Listen, ServerError, Tls};
pub use server::Server;
