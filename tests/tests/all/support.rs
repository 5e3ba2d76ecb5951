//! A home for a test: real catalog, real files, statements as text.

use std::path::Path;

use arrow::{
    array::RecordBatch,
    util::display::{ArrayFormatter, FormatOptions},
};
use futures::StreamExt;
use sluice_engine::{Engine, EngineError, Outcome, SessionOptions};
use sluice_model::Domain;
use sluice_planner::parse::parse;
use tempfile::TempDir;

/// The administrator of every test home.
pub(crate) const ADMIN: &str = "root";

/// A home in a folder of its own.
pub(crate) struct TestHome {
    pub(crate) dir: TempDir,
    pub(crate) engine: Engine,
}

/// People with an id, a name, a race, an age and a city; nobody has classified `weight`.
const PEOPLE: &str = "\
id,name,race,age,city,weight
1,Ada,A,36,Kiel,1.5
2,Bo,B,41,Rome,2.5
3,Cy,A,29,Kiel,3.5
4,Di,,77,Rome,
";

/// Orders of these people.
const ORDERS: &str = "\
id,person_id,amount,item
10,1,99.5,lamp
11,1,12.0,rug
12,2,7.25,cup
13,9,1.0,pen
";

/// The tables, tags, principals and grants that most tests stand on.
pub(crate) const SETUP: &str = "
CREATE SCHEMA crm;
CREATE SCHEMA lab;
CREATE EXTERNAL TABLE crm.people STORED AS CSV LOCATION 'people.csv';
CREATE EXTERNAL TABLE crm.orders STORED AS CSV LOCATION 'orders.csv';
CREATE TAG pii; CREATE TAG pii.id; CREATE TAG pii.name;
CREATE TAG special; CREATE TAG special.race;
CREATE TAG personal; CREATE TAG personal.age;
CREATE TAG finance; CREATE TAG finance.amount;
SET TAG ON COLUMNS crm.people (id pii.id, name pii.name, race special.race, age personal.age, city public);
SET TAG ON COLUMNS crm.orders (id public, person_id pii.id, amount finance.amount, item public);
CREATE GROUP analysts;
CREATE USER ana; CREATE USER uma; CREATE USER rae; CREATE USER eve; CREATE SERVICE bot;
ALTER GROUP analysts ADD USER ana; ALTER GROUP analysts ADD USER uma;
GRANT SELECT ON SCHEMA crm TO GROUP analysts;
GRANT SELECT ON SCHEMA lab TO GROUP analysts;
GRANT READ ON TAG personal TO GROUP analysts;
GRANT READ ON TAG finance TO GROUP analysts;
GRANT USE ON TAG special TO USER uma;
GRANT USE ON TAG pii.id TO USER uma;
GRANT SELECT ON SCHEMA crm TO USER rae;
GRANT SELECT ON SCHEMA lab TO USER rae;
GRANT READ ON TAG special TO USER rae; GRANT READ ON TAG pii TO USER rae; GRANT READ ON TAG personal TO USER rae;
GRANT READ ON TAG finance TO USER rae;
GRANT SELECT ON SCHEMA crm TO SERVICE bot;
GRANT SELECT, INSERT, MODIFY, CREATE ON SCHEMA lab TO SERVICE bot;
GRANT PROCESS ON TAG special TO SERVICE bot; GRANT PROCESS ON TAG pii TO SERVICE bot;
GRANT PROCESS ON TAG personal TO SERVICE bot; GRANT PROCESS ON TAG finance TO SERVICE bot;
GRANT PROCESS ON TAG unclassified TO SERVICE bot;
";

/// The rows of `batch`, one text a row.
pub(crate) fn lines_of(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default();
    let columns: Vec<_> =
        batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
    let line = |row| columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|");
    (0..batch.num_rows()).map(line).collect()
}

impl TestHome {
    /// A home with nothing in it.
    pub(crate) async fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::create(&dir.path().join("home"), ADMIN).await.unwrap();
        Self { dir, engine }
    }

    /// A home with [`SETUP`]: `ana` reads ages and amounts, `uma` may also use races and ids, `rae` reads everything
    /// that is classified, `bot` processes it, `eve` has nothing.
    pub(crate) async fn new() -> Self {
        let home = Self::empty().await;
        home.file("people.csv", PEOPLE);
        home.file("orders.csv", ORDERS);
        home.ok(ADMIN, SETUP).await;
        home
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file that a `LOCATION` can name.
    pub(crate) fn file(&self, name: &str, text: &str) {
        std::fs::write(self.dir.path().join(name), text).unwrap();
    }

    /// Runs every statement as `who` in `domain`; answers the last one's rows, one text a row.
    pub(crate) async fn run_in(&self, who: &str, domain: Domain, text: &str) -> Result<Vec<String>, EngineError> {
        let options = SessionOptions { principal: Some(who.to_owned()), domain, ..SessionOptions::default() };
        let mut session = self.engine.session(options).await?;
        let mut answer = Vec::new();
        for statement in parse(text)? {
            answer = match session.run(&statement, self.dir.path()).await? {
                Outcome::Done { message, .. } => vec![message],
                Outcome::Rows { mut rows, .. } => {
                    let mut lines = Vec::new();
                    while let Some(batch) = rows.next().await {
                        let batch = batch.map_err(EngineError::from_stream)?;
                        lines.extend(lines_of(&batch));
                    }
                    lines
                }
            };
        }
        Ok(answer)
    }

    pub(crate) async fn run(&self, who: &str, text: &str) -> Result<Vec<String>, EngineError> {
        self.run_in(who, Domain::Experiment, text).await
    }

    /// Runs what must succeed.
    #[track_caller]
    pub(crate) fn ok<'a>(&'a self, who: &'a str, text: &'a str) -> impl Future<Output = Vec<String>> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            match self.run(who, text).await {
                Ok(rows) => rows,
                Err(error) => panic!("{caller}: `{text}` failed for {who}: {error}\n{error:?}"),
            }
        }
    }

    /// Runs what must fail, and answers the error's text.
    #[track_caller]
    pub(crate) fn error<'a>(&'a self, who: &'a str, text: &'a str) -> impl Future<Output = String> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            match self.run(who, text).await {
                Ok(rows) => panic!("{caller}: `{text}` answered {who} {rows:?}"),
                Err(error) => error.to_string(),
            }
        }
    }

    /// Runs what policy must refuse; answers `column tag action` for every tag, or the text of other denials.
    #[track_caller]
    pub(crate) fn denied<'a>(&'a self, who: &'a str, text: &'a str) -> impl Future<Output = Vec<String>> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            match self.run(who, text).await {
                Ok(rows) => panic!("{caller}: `{text}` answered {who} {rows:?}"),
                Err(error) => {
                    let refused = refusals(&error);
                    assert!(!refused.is_empty(), "{caller}: `{text}` failed for {who} without a denial: {error}");
                    refused
                }
            }
        }
    }
}

/// `column tag action` for every refused tag, or the text of other denials, sorted.
pub(crate) fn refusals(error: &EngineError) -> Vec<String> {
    let mut refused: Vec<_> = error
        .denials()
        .iter()
        .map(|denial| match &denial.kind {
            sluice_planner::DenialKind::Tag { column, tag, action, .. } => format!("{column} {tag} {action}"),
            _ => denial.to_string(),
        })
        .collect();
    refused.sort();
    refused
}
