//! Statements that are described, and run again and again with other values.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use parking_lot::Mutex;
use sluice_planner::{
    bind::{ParameterType, Parameters},
    parse::{Parsed, Statement},
};

use crate::{Described, EngineError, Outcome, Session, load::Loaded, lookup, lookup::Lookup, query, ready::ReadyPlan};

/// A statement, with what was planned for it last.
pub struct Prepared {
    parsed: Parsed,
    kept: Kept,
}

impl Prepared {
    /// `parsed`, of which nothing is planned yet.
    pub fn new(parsed: Parsed) -> Self {
        Self { parsed, kept: Kept::default() }
    }

    /// The statement.
    pub fn parsed(&self) -> &Parsed {
        &self.parsed
    }

    /// About how much memory it takes, in bytes, with what may come to be planned for it.
    pub fn bytes(&self) -> usize {
        let waits_for_values =
            matches!(self.parsed.statement, Statement::Query(_)) && !self.parsed.parameters.is_empty();
        self.parsed.bytes() + if waits_for_values { lookup::MOST_BYTES } else { self.kept.bytes() }
    }

    pub(crate) fn kept(&self) -> &Kept {
        &self.kept
    }
}

/// What was planned for a query, for as long as nothing has changed that it was made of.
#[derive(Default)]
pub(crate) struct Kept(Mutex<Option<Arc<Planned>>>);

/// A query as it was planned.
pub(crate) struct Planned {
    loaded: Loaded,
    zone: Option<String>,
    types: Vec<ParameterType>,
    described: Arc<Described>,
    /// `None` where its values may change the plan.
    pub(crate) lookup: Option<Arc<Lookup>>,
}

impl Kept {
    /// What was planned, if planning the same query for `session` would find all as it was: who asks, what it may, and every
    /// table with its tags. The planner is told the types of parameters, not their values, so that these change neither
    /// columns nor labels nor what is decided about them.
    pub(crate) async fn get(&self, session: &Session, parameters: &Parameters) -> Option<Arc<Planned>> {
        let planned = self.0.lock().clone()?;
        let is_same = planned.types == parameters.declared()
            && planned.zone.as_deref() == session.time_zone()
            && session.finds_same(&planned.loaded).await;
        is_same.then_some(planned)
    }

    /// Whether what was planned is a lookup that is over at once, be it right still or not.
    fn is_over_at_once(&self) -> bool {
        let planned = self.0.lock().clone();
        planned.is_some_and(|planned| planned.lookup.as_ref().is_some_and(|lookup| lookup.is_over_at_once()))
    }

    fn put(&self, planned: Planned) {
        *self.0.lock() = Some(Arc::new(planned));
    }

    fn bytes(&self) -> usize {
        let kept = self.0.lock();
        kept.as_ref().and_then(|planned| planned.lookup.as_ref()).map_or(0, |lookup| lookup.bytes())
    }
}

/// A lookup that has been found to be allowed and is over at once.
pub struct AtOnce<'s> {
    session: &'s Session,
    lookup: Arc<Lookup>,
    ready: ReadyPlan,
}

impl AtOnce<'_> {
    /// Runs it. What allows it may change, so that it is not to be put off.
    ///
    /// # Errors
    /// [`EngineError`] as [`Session::run`].
    pub async fn run(self) -> Result<Outcome, EngineError> {
        query::run_at_once(self.session, &self.lookup, &self.ready).await
    }
}

impl Session {
    /// The execution of `prepared` with the values of `rows`, if it is a lookup that was planned before, nothing has changed
    /// since, and it has so little to do that it need not be handed to another thread. Nothing runs yet.
    pub async fn at_once(&self, prepared: &Prepared, rows: &[Vec<ScalarValue>]) -> Option<AtOnce<'_>> {
        let names = &prepared.parsed.parameters;
        let row = match rows {
            [] if names.is_empty() => None,
            [row] if row.len() == names.len() => Some(row),
            _ => return None,
        };
        // Before anything is loaded or copied: most statements are none.
        let values: usize = row.into_iter().flatten().map(ScalarValue::size).sum();
        if values > lookup::MOST_VALUES || !prepared.kept.is_over_at_once() {
            return None;
        }
        let parameters = row.map(|row| Parameters::bound(names, vec![row.clone()])).unwrap_or_default();
        let lookup = prepared.kept.get(self, &parameters).await?.lookup.clone()?;
        let ready = lookup.at_once_with(&parameters)?;
        Some(AtOnce { session: self, lookup, ready })
    }

    /// What a statement would answer with the values of `parameters`, or `None` while there are none. A query is not planned
    /// again with other values while nothing else has changed, and what is answered is then the same in memory.
    ///
    /// # Errors
    /// As [`Session::describe`].
    pub async fn describe_prepared(
        &self,
        prepared: &Prepared,
        parameters: Option<&Parameters>,
    ) -> Result<Arc<Described>, EngineError> {
        let Prepared { parsed, kept } = prepared;
        match (&parsed.statement, parameters) {
            (Statement::Query(query), Some(parameters)) => {
                let source = query::Source::Text(query, &parsed.versions);
                let result = self.planned(&parsed.text, source, parameters, kept).await;
                self.refused(parsed, result).await
            }
            _ => self.describe(parsed, parameters).await.map(Arc::new),
        }
    }

    /// What [`Self::describe_prepared`] answers, if that takes neither loading nor planning: nothing has changed since it did
    /// both. Whatever stands in the way is left to be told there.
    pub async fn described_before(
        &self,
        prepared: &Prepared,
        parameters: Option<&Parameters>,
    ) -> Option<Arc<Described>> {
        let planned = prepared.kept.get(self, parameters?).await?;
        Some(Arc::clone(&planned.described))
    }

    async fn planned(
        &self,
        text: &str,
        source: query::Source<'_>,
        parameters: &Parameters,
        kept: &Kept,
    ) -> Result<Arc<Described>, EngineError> {
        if let Some(planned) = kept.get(self, parameters).await {
            return Ok(Arc::clone(&planned.described));
        }
        let loaded = query::load(self, source).await?;
        let (described, lookup) = self.plan_once(&loaded, text, source, parameters).await?;
        let described = Arc::new(described);
        let (zone, types) = (self.time_zone().map(ToOwned::to_owned), parameters.declared().to_vec());
        let lookup = lookup.map(Arc::new);
        kept.put(Planned { loaded, zone, types, described: Arc::clone(&described), lookup });
        Ok(described)
    }

    /// What `source` would answer, and its plan for all values if it has one.
    async fn plan_once(
        &self,
        loaded: &Loaded,
        text: &str,
        source: query::Source<'_>,
        parameters: &Parameters,
    ) -> Result<(Described, Option<Lookup>), EngineError> {
        if parameters.declared().is_empty() {
            let (plan, _) = query::plan(self, loaded, source, parameters)?;
            let described = query::describe_plan(self, loaded, &plan).await?;
            return Ok((described, Lookup::of(self, text, plan)));
        }
        // What fails without values may pass with them, or fail by another error.
        let generic = parameters.types().and_then(|types| query::plan(self, loaded, source, &types).ok());
        Ok(match generic.and_then(|(plan, _)| Lookup::of(self, text, plan)) {
            Some(lookup) => (query::describe_plan(self, loaded, lookup.authorized()).await?, Some(lookup)),
            None => (query::describe_loaded(self, loaded, source, parameters).await?, None),
        })
    }
}
