//! `sluice check`, `sluice run`, `sluice approve`: a pipeline file and what is done with it.

use std::{collections::BTreeMap, path::Path};

use sluice_engine::Session;
use sluice_model::Domain;
use sluice_pipeline::{self as pipelines, Arguments, Pipeline, PipelineError};

use super::{decisions, summary};
use crate::{
    args::{Common, PipelineArgs},
    failure::{CliError, Failure, Script},
    home,
    progress::Progress,
    render,
    screen::Screen,
};

/// A pipeline with the text that it was read from.
pub(crate) struct File {
    script: Script,
    pipeline: Pipeline,
}

impl File {
    /// Reads `path`.
    ///
    /// # Errors
    /// Why it is no pipeline, and where.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let script = Script::read(path)?;
        let pipeline =
            Pipeline::read(&script.text).map_err(|error| Failure::within(error, &script, 0..script.text.len()))?;
        Ok(Self { script, pipeline })
    }

    /// Approves the file as it is.
    ///
    /// # Errors
    /// Why it cannot be.
    pub(crate) async fn approve(&self, session: &Session, screen: &mut Screen) -> Result<(), Failure> {
        pipelines::approve(session, &self.pipeline).await.map_err(|error| self.failure(error))?;
        screen.note(&format!("approved {} as it is now: {}", self.pipeline.name(), self.pipeline.digest()));
        Ok(())
    }

    /// Runs it, shows how far it has come, and writes what it came to.
    ///
    /// # Errors
    /// Why it did not run, or did not finish.
    pub(crate) async fn run(
        &self,
        session: &Session,
        given: &[(String, String)],
        screen: &mut Screen,
    ) -> Result<(), Failure> {
        let arguments = self.arguments(session, given)?;
        self.warn(screen);
        let progress = Progress::new(screen);
        let summary = pipelines::run(session, &self.pipeline, &arguments, &|event| progress.show(&event))
            .await
            .map_err(|error| self.failure(error))?;
        progress.clear();
        let answer = summary::answer(&summary, screen.format).map_err(CliError::from)?;
        render::answer(screen, &answer, "withheld")?;
        screen.note(&format!("run {} of {}", summary.run, summary.pipeline));
        Ok(())
    }

    /// Writes every decision that running it would take.
    ///
    /// # Errors
    /// Why it would not run.
    async fn check(&self, session: &Session, given: &[(String, String)], screen: &mut Screen) -> Result<(), Failure> {
        let arguments = self.arguments(session, given)?;
        self.warn(screen);
        let checked =
            pipelines::check(session, &self.pipeline, &arguments).await.map_err(|error| self.failure(error))?;
        let answer = decisions::answer(&checked, screen.format).map_err(CliError::from)?;
        render::answer(screen, &answer, "")?;
        if checked.is_ok() { Ok(()) } else { Err(self.failure(PipelineError::Refused(Box::new(checked)))) }
    }

    fn arguments(&self, session: &Session, given: &[(String, String)]) -> Result<Arguments, Failure> {
        let given: BTreeMap<_, _> = given.iter().cloned().collect();
        Arguments::resolve(&self.pipeline.header().parameters, &given, session.functions())
            .map_err(|error| self.failure(error))
    }

    fn warn(&self, screen: &mut Screen) {
        for view in self.pipeline.unread_views() {
            screen.note(&format!("no stage reads the temporary view `{view}`, so nothing in it is checked"));
        }
    }

    fn failure(&self, error: PipelineError) -> Failure {
        Failure::of_pipeline(error, &self.script, &self.pipeline)
    }
}

/// `sluice approve`.
pub(super) async fn approve(common: &Common, path: &Path, screen: &mut Screen) -> Result<(), Failure> {
    let file = File::read(path)?;
    home::with_session(common, Domain::default(), async |session| file.approve(&session, screen).await).await
}

/// `sluice run`.
pub(super) async fn run(common: &Common, args: &PipelineArgs, screen: &mut Screen) -> Result<(), Failure> {
    let file = File::read(&args.file)?;
    let domain = file.pipeline.header().domain;
    home::with_session(common, domain, async |session| file.run(&session, &args.parameters, screen).await).await
}

/// `sluice check`.
pub(super) async fn check(common: &Common, args: &PipelineArgs, screen: &mut Screen) -> Result<(), Failure> {
    let file = File::read(&args.file)?;
    let domain = file.pipeline.header().domain;
    home::with_session(common, domain, async |session| file.check(&session, &args.parameters, screen).await).await
}
