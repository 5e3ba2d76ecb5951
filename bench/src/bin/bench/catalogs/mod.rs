//! Planning over small and large catalogs.
//!
//! Four homes hold the same hundred tables: one nothing else, one ten thousand grants, one a million tables, one both.
//! All tables are over one and the same file, so that what differs is the catalog alone; with files of their own,
//! tables would take longer to open in every home alike.

mod figures;
mod grants;
mod home;
mod statements;
mod tables;

use std::time::{Duration, Instant};

use sluice_engine::{Engine, Session};

use crate::governed::{self, parse_one};
pub(crate) use figures::CatalogFigures;
use figures::Measured;
use home::{Contents, Homes};
use statements::Statements;

use crate::options::Options;

/// How many statements name tables that the engine has not met, in each round.
const UNMET: usize = 40;

/// How many more name tables that it has met.
const MET: usize = 40;

/// Makes the homes and times planning in all of them.
pub(crate) async fn measure(options: &Options) -> anyhow::Result<CatalogFigures> {
    let homes = Homes::make(options).await?;
    let mut measured: Vec<_> = homes.contents().map(Measured::new).collect();
    for round in 0..options.rounds {
        let mut open = Vec::with_capacity(measured.len());
        for at in in_turn(round, measured.len()) {
            let contents = measured[at].contents;
            let mut home = OpenHome::open(&homes, contents, round).await?;
            measured[at].open.push(home.opening);
            measured[at].first.push(home.plan_unmet().await?);
            open.push((at, home));
        }
        for turn in 0..UNMET {
            for index in in_turn(turn, open.len()) {
                let (at, home) = &mut open[index];
                measured[*at].unmet.push(home.plan_unmet().await?);
            }
        }
        for turn in 0..MET {
            for index in in_turn(turn, open.len()) {
                let (at, home) = &mut open[index];
                measured[*at].met.push(home.plan_met().await?);
            }
        }
        for (_, home) in open {
            home.engine.catalog().close().await;
        }
    }
    Ok(CatalogFigures::new(measured, homes.built()))
}

/// The numbers below `count`, starting with another one each turn.
fn in_turn(turn: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |index| (index + turn) % count)
}

/// A home that was just opened.
struct OpenHome {
    engine: Engine,
    session: Session,
    statements: Statements,
    latest: String,
    opening: Duration,
}

impl OpenHome {
    async fn open(homes: &Homes, contents: Contents, round: usize) -> anyhow::Result<Self> {
        let started = Instant::now();
        let engine = Engine::open(&homes.dir(contents)).await?;
        let session = governed::session(&engine, Some(home::READER)).await?;
        let opening = started.elapsed();
        let statements = Statements::new(contents.tables, round);
        Ok(Self { engine, session, statements, latest: String::new(), opening })
    }

    /// Plans a statement over tables that the engine has not met.
    async fn plan_unmet(&mut self) -> anyhow::Result<Duration> {
        self.latest = self.statements.next();
        self.plan_met().await
    }

    /// Plans the latest statement once more.
    async fn plan_met(&self) -> anyhow::Result<Duration> {
        let started = Instant::now();
        let parsed = parse_one(&self.latest)?;
        self.session.time_planning(&parsed).await?;
        Ok(started.elapsed())
    }
}
