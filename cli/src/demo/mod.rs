//! `sluice demo`: one installation, from nothing to what different people may know.
//!
//! Every step is what the printed command would do, in a home that is thrown away afterwards. A query that must be
//! answered and is not, or must be refused and is not, ends the demo with an error: it is a check as well as a show.

mod stage;

use std::path::{Path, PathBuf};

use sluice_engine::{Engine, Session, SessionOptions};
use sluice_model::{Domain, ErrorClass};

use crate::{
    args::DemoArgs,
    commands::pipeline::File,
    failure::{CliError, Failure, Script},
    home, report,
    screen::Screen,
    statements,
};
use stage::Stage;

const ADMIN: &str = "admin";

const AGES: &str = "\
SELECT education, round(avg(age), 1) AS age, count(*) AS people
FROM census.adult GROUP BY education ORDER BY age DESC LIMIT 5";

const HOURS_BY_RACE: &str = "\
SELECT race, round(avg(hours_per_week), 1) AS hours, count(*) AS people
FROM census.adult GROUP BY race ORDER BY hours DESC";

const LATE_ROUTES: &str = "\
SELECT origin, destination, flights, round(late_percent, 1) AS late_percent
FROM delays.routes ORDER BY late_percent DESC LIMIT 3";

const TAGS: &str = "SHOW TAGS ON TABLE income.women_full_time";

const WHY: &str = "EXPLAIN GOVERNANCE SELECT age FROM census.adult WHERE sex = 'Female'";

/// Tells the story.
pub(crate) async fn demo(args: &DemoArgs, screen: &mut Screen) -> Result<(), Failure> {
    for needed in ["census/classification.sql", "flights/classification.sql"] {
        if !args.datasets.join(needed).is_file() {
            return Err(CliError::NoDatasets(args.datasets.clone()).into());
        }
    }
    // Removed with all that is in it when the demo ends, however it ends.
    let temporary = tempfile::Builder::new()
        .prefix("sluice-demo-")
        .tempdir()
        .map_err(|source| CliError::System { what: "making a temporary folder", source })?;
    let dir = args.keep.clone().unwrap_or_else(|| temporary.path().join("home"));
    let engine = Engine::create(&dir, ADMIN).await?;
    home::closing(engine, async |engine| {
        Demo { engine, datasets: args.datasets.clone(), stage: Stage::new(screen) }.tell().await
    })
    .await
}

struct Demo<'a> {
    engine: &'a Engine,
    datasets: PathBuf,
    stage: Stage<'a>,
}

impl Demo<'_> {
    async fn tell(mut self) -> Result<(), Failure> {
        self.stage.title("Sluice: one copy of the data, and everyone gets what their grants allow")?;

        self.stage.heading("An administrator says what the data is, and who may do what")?;
        self.stage.command("sluice init")?;
        for dataset in ["census", "flights"] {
            self.load(&self.datasets.join(dataset).join("classification.sql")).await?;
        }

        self.stage.heading("A service builds tables out of columns that it may not read; their tags go with them")?;
        self.run("income_bot", Domain::Experiment, &self.datasets.join("census/pipeline.sql")).await?;

        self.stage.heading("Production runs only what was approved, byte for byte")?;
        let flights = self.datasets.join("flights/pipeline.sql");
        self.approve(&flights).await?;
        self.run("delay_bot", Domain::Production, &flights).await?;
        self.answered("pia", Domain::Production, LATE_ROUTES).await?;

        self.stage.heading("An analyst reads personal data, but no special category; not even to group by it")?;
        self.answered("ana", Domain::Experiment, AGES).await?;
        self.refused("ana", HOURS_BY_RACE).await?;

        self.stage.heading("The data protection officer asks the same")?;
        self.answered("dora", Domain::Experiment, HOURS_BY_RACE).await?;

        self.stage.heading("Why? Everything that was made knows where it came from")?;
        self.answered("dora", Domain::Experiment, TAGS).await?;
        self.answered("ana", Domain::Experiment, WHY).await
    }

    async fn session(&self, principal: &str, domain: Domain) -> Result<Session, CliError> {
        let options = SessionOptions { principal: Some(principal.to_owned()), domain, ..SessionOptions::default() };
        Ok(self.engine.session(options).await?)
    }

    async fn load(&mut self, file: &Path) -> Result<(), Failure> {
        self.stage.command(&format!("sluice sql -f {}", file.display()))?;
        let mut session = self.session(ADMIN, Domain::default()).await?;
        let script = Script::read(file)?;
        self.stage.quietly(async |screen| statements::run(&mut session, &script, screen).await).await
    }

    async fn approve(&mut self, file: &Path) -> Result<(), Failure> {
        self.stage.command(&format!("sluice approve {}", file.display()))?;
        let session = self.session(ADMIN, Domain::default()).await?;
        let file = File::read(file)?;
        self.stage.quietly(async |screen| file.approve(&session, screen).await).await
    }

    async fn run(&mut self, service: &str, domain: Domain, file: &Path) -> Result<(), Failure> {
        let asked = if domain == Domain::Production { " --domain production" } else { "" };
        self.stage.command(&format!("sluice --as {service}{asked} run {}", file.display()))?;
        let session = self.session(service, domain).await?;
        File::read(file)?.run(&session, &[], self.stage.screen()).await
    }

    async fn answered(&mut self, principal: &str, domain: Domain, sql: &str) -> Result<(), Failure> {
        let asked = if domain == Domain::Production { " --domain production" } else { "" };
        self.stage.command(&format!("sluice --as {principal}{asked} sql -c \"{sql}\""))?;
        let mut session = self.session(principal, domain).await?;
        statements::run(&mut session, &Script::typed(sql), self.stage.screen()).await
    }

    async fn refused(&mut self, principal: &str, sql: &str) -> Result<(), Failure> {
        self.stage.command(&format!("sluice --as {principal} sql -c \"{sql}\""))?;
        let mut session = self.session(principal, Domain::Experiment).await?;
        match statements::run(&mut session, &Script::typed(sql), self.stage.screen()).await {
            Err(failure) if failure.error.class() == ErrorClass::Denied => {
                let text = report::drawn(&failure, self.stage.screen());
                Ok(self.stage.text(&text)?)
            }
            Err(failure) => Err(failure),
            Ok(()) => Err(CliError::NotRefused(principal.to_owned()).into()),
        }
    }
}
