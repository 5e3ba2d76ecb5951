//! An open home, and somebody's session in it.

use std::{collections::HashMap, path::Path, sync::Arc, time::Instant};

use arrow::datatypes::SchemaRef;
use datafusion::{error::DataFusionError, execution::SendableRecordBatchStream};
use parking_lot::Mutex;
use sluice_catalog::{Catalog, TableRecord};
use sluice_model::{Digest, Domain, Principal, PrincipalKind, SchemaName, Subject, TableName, Tag, TagAction};
use sluice_planner::{
    AuthorizedPlan, Denial, PlanError,
    bind::{Functions, Parameters},
    parse::{Names, Parsed, SetVariable, Statement, parse_among},
};
use sluice_policy::{Authorizer, Decisions, GrantAction, GrantObject, GrantSpec, PolicyText};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    EngineError, Home, MemoryShare, Progress, TokenHolder,
    audit::Audited,
    context::Context,
    credentials::HASHING,
    prepared::Kept,
    query::{self, Source},
    ready::ReadyPlan,
    statement,
    temporary::Temporary,
    write,
};

/// How many tables are remembered for as long as an epoch stays.
const REMEMBERED_TABLES: usize = 10_000;

/// An open home.
#[derive(Clone)]
pub struct Engine(Arc<Opened>);

struct Opened {
    home: Home,
    catalog: Catalog,
    context: Context,
    functions: Functions,
    remembered: Mutex<Remembered>,
    policies: Mutex<Option<Policies>>,
    hashing: Arc<Semaphore>,
}

/// The policies in force. They are read again only when one has come or gone, which is rarer than an epoch.
struct Policies {
    /// The newest epoch at which they were seen to be in force.
    epoch: u64,
    version: u64,
    authorizer: Arc<Authorizer>,
}

/// What was read from the catalog at one epoch.
#[derive(Default)]
pub(crate) struct Remembered {
    epoch: u64,
    memberships: HashMap<String, (Principal, Vec<Arc<str>>)>,
    tables: HashMap<TableName, Option<Arc<TableRecord>>>,
    pub(crate) tokens: HashMap<Digest, TokenHolder>,
    pub(crate) passwords: HashMap<String, Digest>,
}

/// Whose session it is, and in what circumstances.
#[derive(Debug, Clone, Default)]
pub struct SessionOptions {
    /// The user or service; `None` for the home's creator.
    pub principal: Option<String>,
    /// The domain.
    pub domain: Domain,
    /// What the data is for; empty when nothing is said.
    pub purpose: String,
    /// Groups that whoever vouches for the principal says it is in, besides those that the catalog knows of.
    pub groups: Vec<Arc<str>>,
}

/// Somebody's session. What a clone is set to from then on is its own; temporary tables are shared.
#[derive(Clone)]
pub struct Session {
    engine: Engine,
    subject: Subject,
    claimed: Arc<[Arc<str>]>,
    schema: Option<SchemaName>,
    zone: Option<Arc<Zone>>,
    temporary: Arc<Temporary>,
    memory: Option<MemoryShare>,
    cancelled: CancellationToken,
    progress: Option<Progress>,
}

/// A time zone, with what is planned and run in it.
struct Zone {
    name: String,
    context: Context,
    functions: Functions,
}

/// What a statement answers.
pub enum Outcome {
    /// Rows. The stream's errors are [`EngineError`]s inside; see [`EngineError::from_stream`].
    Rows {
        /// The columns.
        schema: SchemaRef,
        /// The rows, as they come.
        rows: SendableRecordBatchStream,
    },
    /// No rows.
    Done {
        /// What was done, in words.
        message: String,
        /// How many rows changed, where that makes sense and may be known.
        affected: Option<u64>,
    },
}

impl Outcome {
    pub(crate) fn done(message: impl Into<String>) -> Self {
        Self::Done { message: message.into(), affected: None }
    }
}

impl Engine {
    /// Makes a home in `dir`, whose first administrator is the user `creator`.
    ///
    /// # Errors
    /// [`EngineError`] where there is a home already, or the folder cannot be written.
    pub async fn create(dir: &Path, creator: &str) -> Result<Self, EngineError> {
        let home = Home::create(dir, creator)?;
        let everyone = Principal::new(PrincipalKind::Group, Subject::EVERYONE);
        let public_read = GrantSpec {
            principal: everyone,
            action: GrantAction::Tag(TagAction::Read),
            object: GrantObject::Tag(Tag::public()),
            domain: None,
        };
        Catalog::create(&home.catalog(), creator, &public_read.to_cedar()).await?.close().await;
        home.finish_creation()?;
        Self::open(dir).await
    }

    /// Opens the home in `dir`.
    ///
    /// # Errors
    /// [`EngineError`] where there is no home, or one that this version cannot use.
    pub async fn open(dir: &Path) -> Result<Self, EngineError> {
        let home = Home::open(dir)?;
        let catalog = Catalog::open(&home.catalog()).await?;
        let spill = home.spill();
        let context = Context::new(home.settings(), (!catalog.is_read_only()).then_some(spill.as_path()))?;
        let functions = context.functions();
        Ok(Self(Arc::new(Opened {
            home,
            catalog,
            context,
            functions,
            remembered: Mutex::default(),
            policies: Mutex::default(),
            hashing: Arc::new(Semaphore::new(HASHING)),
        })))
    }

    /// Closes the home, also for its sessions, and leaves its catalog as a single file unless somebody else has it
    /// open. Nothing is lost without it; with it nothing is left that only somebody who may write the home can finish.
    pub async fn close(&self) {
        self.catalog().close().await;
    }

    /// The catalog. It decides nothing: whoever asks it must have decided.
    pub fn catalog(&self) -> &Catalog {
        &self.0.catalog
    }

    /// The home.
    pub fn home(&self) -> &Home {
        &self.0.home
    }

    pub(crate) fn context(&self) -> &Context {
        &self.0.context
    }

    /// The turns of those who hash passwords.
    pub(crate) fn hashing(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.hashing)
    }

    /// A session as `options` say.
    ///
    /// # Errors
    /// [`EngineError::UnknownPrincipal`] if there is no such user or service.
    pub async fn session(&self, options: SessionOptions) -> Result<Session, EngineError> {
        let name = options.principal.unwrap_or_else(|| self.home().creator().to_owned());
        let epoch = self.catalog().epoch().await?;
        let (principal, groups) =
            self.membership(&name, epoch).await?.ok_or_else(|| EngineError::UnknownPrincipal(name.clone()))?;
        if principal.kind == PrincipalKind::Group {
            return Err(EngineError::UnknownPrincipal(name));
        }
        let subject = Subject { principal, groups, domain: options.domain, purpose: options.purpose.into() };
        Ok(Session {
            engine: self.clone(),
            subject,
            claimed: options.groups.into(),
            schema: None,
            zone: None,
            temporary: Arc::default(),
            memory: None,
            cancelled: CancellationToken::new(),
            progress: None,
        })
    }

    /// The policies in force at `epoch`, or later.
    pub(crate) async fn authorizer(&self, epoch: u64) -> Result<Arc<Authorizer>, EngineError> {
        if let Some(known) = self.0.policies.lock().as_ref().filter(|known| known.epoch == epoch) {
            return Ok(Arc::clone(&known.authorizer));
        }
        // The version is read before the texts: should one come between, the next look finds another version.
        let version = self.catalog().policy_version().await?;
        if let Some(known) = self.0.policies.lock().as_mut().filter(|known| known.version == version) {
            known.epoch = epoch;
            return Ok(Arc::clone(&known.authorizer));
        }
        let (read_at, texts) = self.catalog().policy_texts().await?;
        let texts = texts.into_iter().map(|policy| PolicyText { id: policy.id, text: policy.text });
        let authorizer = Arc::new(Authorizer::new(texts)?);
        let known = Policies { epoch: read_at, version, authorizer: Arc::clone(&authorizer) };
        *self.0.policies.lock() = Some(known);
        Ok(authorizer)
    }

    /// A principal and the groups that it belongs to at `epoch`.
    pub(crate) async fn membership(
        &self,
        name: &str,
        epoch: u64,
    ) -> Result<Option<(Principal, Vec<Arc<str>>)>, EngineError> {
        if let Some(found) = self.at(epoch, |remembered| remembered.memberships.get(name).cloned()) {
            return Ok(Some(found));
        }
        let found = self.catalog().groups_of(name).await?;
        if let Some(found) = &found {
            self.at(epoch, |remembered| remembered.memberships.insert(name.to_owned(), found.clone()));
        }
        Ok(found)
    }

    /// What the catalog has of a table at `epoch`.
    pub(crate) async fn table(&self, name: &TableName, epoch: u64) -> Result<Option<Arc<TableRecord>>, EngineError> {
        if let Some(found) = self.at(epoch, |remembered| remembered.tables.get(name).cloned()) {
            return Ok(found);
        }
        let found = self.catalog().table(name).await?.map(Arc::new);
        self.at(epoch, |remembered| {
            // Whoever asks for names that stand for nothing does not fill the memory.
            if remembered.tables.len() < REMEMBERED_TABLES {
                remembered.tables.insert(name.clone(), found.clone());
            }
        });
        Ok(found)
    }

    /// Looks at what is remembered of `epoch`; what is remembered of an earlier one is forgotten.
    pub(crate) fn at<T>(&self, epoch: u64, look: impl FnOnce(&mut Remembered) -> T) -> T {
        let mut remembered = self.0.remembered.lock();
        if remembered.epoch != epoch {
            *remembered = Remembered { epoch, ..Remembered::default() };
        }
        look(&mut remembered)
    }
}

impl Session {
    /// On whose behalf statements run.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The home that it is in.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The functions and options that queries are bound with.
    pub fn functions(&self) -> &Functions {
        self.zone.as_ref().map_or(&self.engine.0.functions, |zone| &zone.functions)
    }

    /// What queries run in.
    pub(crate) fn context(&self) -> &Context {
        self.zone.as_ref().map_or(&self.engine.0.context, |zone| &zone.context)
    }

    /// Starts an authorized plan.
    #[tracing::instrument(name = "execute", level = "info", skip_all)]
    pub(crate) async fn execute(
        &self,
        plan: &AuthorizedPlan,
    ) -> Result<(SchemaRef, SendableRecordBatchStream), DataFusionError> {
        self.start(plan, &self.context().ready(plan)?).await
    }

    /// Starts an authorized plan that was made ready before.
    #[tracing::instrument(name = "execute", level = "info", skip_all)]
    pub(crate) async fn execute_ready(
        &self,
        plan: &AuthorizedPlan,
        ready: &ReadyPlan,
    ) -> Result<(SchemaRef, SendableRecordBatchStream), DataFusionError> {
        self.start(plan, ready).await
    }

    async fn start(
        &self,
        plan: &AuthorizedPlan,
        ready: &ReadyPlan,
    ) -> Result<(SchemaRef, SendableRecordBatchStream), DataFusionError> {
        let memory = self.memory.as_ref().map(MemoryShare::pool);
        let progress = self.progress.as_ref().filter(|_| plan.metrics().reading);
        self.context().execute(ready, memory, &self.cancelled, progress).await
    }

    /// Bounds the memory of its statements from here on.
    pub fn limit_memory(&mut self, share: MemoryShare) {
        self.memory = Some(share);
    }

    /// Ends what its statements compute from here on when `token` is cancelled. Statements end without that too when
    /// their rows are dropped, but not before they pause, which may be long.
    pub fn cancelled_by(&mut self, token: CancellationToken) {
        self.cancelled = token;
    }

    /// Tells `progress` how far its statements that write come from here on.
    pub fn followed_by(&mut self, progress: Progress) {
        self.progress = Some(progress);
    }

    /// The schema of tables that are named without one.
    pub fn schema(&self) -> Option<&SchemaName> {
        self.schema.as_ref()
    }

    /// The time zone; `None` for UTC.
    pub fn time_zone(&self) -> Option<&str> {
        self.zone.as_ref().map(|zone| zone.name.as_str())
    }

    /// Its temporary tables.
    pub(crate) fn temporary(&self) -> &Temporary {
        &self.temporary
    }

    /// Drops its temporary tables.
    pub fn drop_temporary(&self) {
        self.temporary.clear();
    }

    /// What short names stand for here.
    pub fn names(&self) -> Arc<Names> {
        Arc::new(Names { schema: self.schema.clone(), temporary: self.temporary.names().into_iter().collect() })
    }

    /// Reads every statement of `text`, as this session would run them.
    ///
    /// # Errors
    /// [`EngineError::Plan`] with the place that is not understood.
    #[tracing::instrument(name = "parse", level = "info", skip_all)]
    pub fn parse(&self, text: &str) -> Result<Vec<Parsed>, EngineError> {
        Ok(parse_among(text, &self.names())?)
    }

    /// Runs one statement. A relative `LOCATION` in it is relative to `base`.
    ///
    /// # Errors
    /// [`EngineError`]; nothing is changed then.
    pub async fn run(&mut self, parsed: &Parsed, base: &Path) -> Result<Outcome, EngineError> {
        self.run_with(parsed, &Parameters::default(), base).await
    }

    /// Runs one statement with values for its parameters.
    ///
    /// # Errors
    /// [`EngineError`]; nothing is changed then.
    pub async fn run_with(
        &mut self,
        parsed: &Parsed,
        parameters: &Parameters,
        base: &Path,
    ) -> Result<Outcome, EngineError> {
        self.run_planned(parsed, None, parameters, base).await
    }

    /// As [`Self::run_with`], by what was planned for the statement before.
    pub(crate) async fn run_planned(
        &mut self,
        parsed: &Parsed,
        kept: Option<&Kept>,
        parameters: &Parameters,
        base: &Path,
    ) -> Result<Outcome, EngineError> {
        let started = Instant::now();
        let result = match &parsed.statement {
            Statement::Query(query) => {
                query::run(self, &parsed.text, Source::Text(query, &parsed.versions), parameters, kept).await
            }
            Statement::Explain(explain) => query::explain(self, parsed, explain, parameters).await,
            Statement::Write(write) => write::run(self, parsed, write, parameters).await,
            Statement::Set(variable) => {
                self.set(variable)?;
                return Ok(Outcome::done("set"));
            }
            other => statement::run(self, other, base).await,
        };
        // Queries and writes leave their own records, before their first row.
        let leaves_record = matches!(
            parsed.statement,
            Statement::Query(_) | Statement::Explain(_) | Statement::Write(_) | Statement::Show(_)
        );
        match &result {
            Ok(_) if leaves_record => {}
            Ok(_) => self.record(Audited::allowed(&parsed.text, started.elapsed())).await.map(|_| ())?,
            Err(error) => self.record_failure(&parsed.text, error, started.elapsed()).await?,
        }
        result
    }

    /// Changes a setting of the session.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] for a value that makes no sense.
    pub fn set(&mut self, variable: &SetVariable) -> Result<(), EngineError> {
        match variable {
            SetVariable::Domain(domain) => self.subject.domain = *domain,
            SetVariable::Purpose(purpose) => self.subject.purpose = purpose.as_str().into(),
            // Whether there is such a schema is not said here: only names in it can be seen or not.
            SetVariable::Schema(schema) => self.schema.clone_from(schema),
            SetVariable::TimeZone(None) => self.zone = None,
            SetVariable::TimeZone(Some(name)) => {
                let context = self.engine.context().in_time_zone(name)?;
                let functions = context.functions();
                self.zone = Some(Arc::new(Zone { name: name.clone(), context, functions }));
            }
        }
        Ok(())
    }

    /// Whether the principal administers the home; `what` completes "ask an admin to …".
    ///
    /// # Errors
    /// [`PlanError::Denied`] where it does not.
    pub async fn require_admin(&self, what: &str) -> Result<(), EngineError> {
        if self.is_admin().await? {
            return Ok(());
        }
        let denial = Denial::administer(&self.subject.principal.name, what);
        Err(PlanError::Denied(vec![denial]).into())
    }

    /// Whether the principal administers the home.
    ///
    /// # Errors
    /// [`EngineError`] if the catalog cannot be read.
    pub async fn is_admin(&self) -> Result<bool, EngineError> {
        let epoch = self.engine.catalog().epoch().await?;
        let authorizer = self.engine.authorizer(epoch).await?;
        let subject = self.current_subject(epoch).await?;
        Ok(Decisions::new(&authorizer, &subject).administer().is_allowed())
    }

    /// The subject with the groups that it belongs to now.
    pub(crate) async fn current_subject(&self, epoch: u64) -> Result<Subject, EngineError> {
        let name = &self.subject.principal.name;
        let (principal, mut groups) = self
            .engine
            .membership(name, epoch)
            .await?
            .ok_or_else(|| EngineError::UnknownPrincipal(name.to_string()))?;
        for group in self.claimed.iter() {
            // A group that the catalog does not know has no grants, and what is not a group lends nothing.
            if let Some((claimed, above)) = self.engine.membership(group, epoch).await?
                && claimed.kind == PrincipalKind::Group
            {
                groups.push(claimed.name);
                groups.extend(above);
            }
        }
        if !self.claimed.is_empty() {
            groups.sort_unstable();
            groups.dedup();
        }
        Ok(Subject { principal, groups, ..self.subject.clone() })
    }
}
