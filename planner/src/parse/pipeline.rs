//! Pipeline files: a header, then one statement per stage.

use std::sync::Arc;

use sluice_model::{Digest, Domain, TableName};
use sqlparser::{ast, parser::Parser, tokenizer::Token};

use super::{
    Expectation, ParseError, SourceSpan, SourceText, TableRef, Versions, cursor::Cursor, expectation, names::Names,
    split, statement::domain,
};

/// A pipeline file, read but not yet checked against a catalog.
#[derive(Debug, Clone)]
pub struct PipelineFile {
    /// What stands in its first statement.
    pub header: PipelineHeader,
    /// The stages, in the order of the file.
    pub stages: Vec<StageStatement>,
    /// The digest of the file's bytes, which is what gets approved.
    pub digest: Digest,
}

/// `PIPELINE name (…)`.
#[derive(Debug, Clone)]
pub struct PipelineHeader {
    /// The pipeline's name: one or more identifiers joined by dots.
    pub name: Arc<str>,
    /// The principal or group that answers for it.
    pub owner: Option<Arc<str>>,
    /// The domain that it runs in.
    pub domain: Domain,
    /// When it runs by itself.
    pub schedule: Option<Schedule>,
    /// What a run can be given.
    pub parameters: Vec<ParameterDecl>,
    /// How often a stage is tried again after a failure that may pass.
    pub retries: u32,
    /// How long a run may take, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Where the header stands in the file.
    pub span: SourceSpan,
}

/// `schedule CRON '0 6 * * *' TIME ZONE 'UTC'`, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The five cron fields.
    pub cron: String,
    /// The name of the time zone.
    pub time_zone: String,
    /// Where the schedule stands in the file.
    pub span: SourceSpan,
}

/// `name TYPE [DEFAULT literal]`.
#[derive(Debug, Clone)]
pub struct ParameterDecl {
    /// The name, without the dollar sign.
    pub name: Arc<str>,
    /// Its SQL type.
    pub data_type: ast::DataType,
    /// The value where a run gives none.
    pub default: Option<ast::Expr>,
    /// Where it is declared.
    pub span: SourceSpan,
}

/// One stage: a statement of the file.
#[derive(Debug, Clone)]
pub struct StageStatement {
    /// What it does.
    pub kind: StageKind,
    /// The query that makes its rows.
    pub query: Box<ast::Query>,
    /// Its own text.
    pub text: Arc<str>,
    /// Where it stands in the file.
    pub span: SourceSpan,
    /// Which table names in it stand for a version.
    pub versions: Versions,
}

/// What a stage does with its rows.
#[derive(Debug, Clone)]
pub enum StageKind {
    /// `CREATE OR REFRESH MATERIALIZED VIEW t (expectations) AS query`.
    Materialize {
        /// The table that is written.
        table: TableName,
        /// What its rows must meet.
        expectations: Vec<Expectation>,
    },
    /// `CREATE TEMPORARY VIEW v AS query`: a name for a query, for as long as the run lasts.
    View {
        /// The view's name, of one part.
        name: Arc<str>,
    },
    /// `INSERT INTO t [(columns)] query`.
    Insert {
        /// The table that is written.
        table: TableName,
        /// The columns that are named; empty for all of them in order.
        columns: Vec<Arc<str>>,
    },
}

impl StageStatement {
    /// The stage's name, as progress and errors show it.
    pub fn name(&self) -> String {
        match &self.kind {
            StageKind::Materialize { table, .. } | StageKind::Insert { table, .. } => table.to_string(),
            StageKind::View { name } => sluice_model::quote_identifier(name),
        }
    }

    /// The table that the stage writes, if it writes one.
    pub fn output(&self) -> Option<&TableName> {
        match &self.kind {
            StageKind::Materialize { table, .. } | StageKind::Insert { table, .. } => Some(table),
            StageKind::View { .. } => None,
        }
    }

    /// Every relation that the stage's query and expectations name.
    pub fn relations(&self) -> Vec<TableRef> {
        let mut relations = self.versions.relations_in(&self.query);
        if let StageKind::Materialize { expectations, .. } = &self.kind {
            for expectation in expectations {
                for relation in self.versions.relations_in(&expectation.condition) {
                    if !relations.contains(&relation) {
                        relations.push(relation);
                    }
                }
            }
        }
        relations
    }
}

/// Reads a pipeline file.
///
/// # Errors
/// [`ParseError`] at the first place that is not understood, saying what was expected there.
pub fn parse_pipeline(text: &str) -> Result<PipelineFile, ParseError> {
    let source = SourceText::new(text);
    let mut statements = split(&source)?.into_iter();
    let Some((tokens, span)) = statements.next() else {
        let message = "expected a pipeline file, which starts with PIPELINE name (…), found nothing".to_owned();
        return Err(ParseError { message, span: SourceSpan::default(), hint: None });
    };
    let mut cursor = Cursor::new(&source, tokens, span, Names::none());
    let header = header(&mut cursor, span)?;
    cursor.end()?;
    let stages = statements
        .map(|(tokens, span)| {
            let mut cursor = Cursor::new(&source, tokens, span, Names::none());
            let (kind, query) = stage(&mut cursor)?;
            cursor.end()?;
            let text = source.slice(span).into();
            Ok(StageStatement { kind, query, text, span, versions: cursor.into_versions() })
        })
        .collect::<Result<Vec<_>, ParseError>>()?;
    if stages.is_empty() {
        let message = "the pipeline has no stages: expected at least one statement after the header".to_owned();
        return Err(ParseError { message, span, hint: None });
    }
    Ok(PipelineFile { header, stages, digest: Digest::of(text.as_bytes()) })
}

fn header(cursor: &mut Cursor<'_>, span: SourceSpan) -> Result<PipelineHeader, ParseError> {
    cursor.expect("PIPELINE")?;
    let mut name = cursor.ident("the pipeline's name")?.to_string();
    while cursor.take_token(&Token::Period) {
        name.push('.');
        name.push_str(&cursor.ident("the next part of the pipeline's name")?);
    }
    let mut header = PipelineHeader {
        name: name.into(),
        owner: None,
        domain: Domain::default(),
        schedule: None,
        parameters: Vec::new(),
        retries: 0,
        timeout_ms: None,
        span,
    };
    if !cursor.take_token(&Token::LParen) {
        return Ok(header);
    }
    let mut seen: Vec<Arc<str>> = Vec::new();
    loop {
        let at = cursor.here();
        let option = cursor.ident("owner, domain, schedule, parameters, retries or timeout")?;
        if seen.contains(&option) {
            return Err(cursor.error_at(at, &format!("`{option}` is written twice")));
        }
        match &*option {
            "owner" => header.owner = Some(cursor.ident("the owner's name")?),
            "domain" => header.domain = domain(cursor)?,
            "schedule" => header.schedule = Some(schedule(cursor, at)?),
            "parameters" => header.parameters = parameters(cursor)?,
            "retries" => {
                let retries = cursor.number("how often to try again")?;
                header.retries = u32::try_from(retries)
                    .ok()
                    .filter(|retries| *retries <= 100)
                    .ok_or_else(|| cursor.error_at(at, "retries are at most 100"))?;
            }
            "timeout" => {
                let at = cursor.here();
                let text = cursor.string("a duration such as '90s', '30m' or '1h'")?;
                header.timeout_ms = Some(duration_ms(&text).ok_or_else(|| {
                    cursor.error_at(at, &format!("`{text}` is not a duration: write it like '90s', '30m' or '1h'"))
                })?);
            }
            _ => {
                let message = format!(
                    "`{option}` is not an option of a pipeline: expected owner, domain, schedule, parameters, retries \
                     or timeout"
                );
                return Err(cursor.error_at(at, &message));
            }
        }
        seen.push(option);
        if !cursor.take_token(&Token::Comma) {
            break;
        }
    }
    cursor.expect_token(&Token::RParen)?;
    Ok(header)
}

fn schedule(cursor: &mut Cursor<'_>, at: SourceSpan) -> Result<Schedule, ParseError> {
    cursor.expect("CRON")?;
    let cron = cursor.string("five cron fields such as '0 6 * * *'")?;
    let mut time_zone = "UTC".to_owned();
    if cursor.take(&["TIME", "ZONE"]) {
        time_zone = cursor.string("a time zone such as 'Europe/Berlin'")?;
    }
    Ok(Schedule { cron, time_zone, span: at })
}

fn parameters(cursor: &mut Cursor<'_>) -> Result<Vec<ParameterDecl>, ParseError> {
    cursor.expect_token(&Token::LParen)?;
    let mut parameters: Vec<ParameterDecl> = Vec::new();
    loop {
        let span = cursor.here();
        let name = cursor.ident("a parameter's name")?;
        if parameters.iter().any(|earlier| earlier.name == name) {
            return Err(cursor.error_at(span, &format!("the parameter `{name}` is declared twice")));
        }
        let data_type = cursor.with(Parser::parse_data_type)?;
        let default = if cursor.take(&["DEFAULT"]) { Some(cursor.expr()?) } else { None };
        parameters.push(ParameterDecl { name, data_type, default, span });
        if !cursor.take_token(&Token::Comma) {
            break;
        }
    }
    cursor.expect_token(&Token::RParen)?;
    Ok(parameters)
}

/// `90s`, `30m`, `1h`, `2d`.
fn duration_ms(text: &str) -> Option<u64> {
    let text = text.trim();
    let unit = text.chars().last()?;
    let number: u64 = text.strip_suffix(unit)?.trim().parse().ok()?;
    let unit_ms = match unit {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        _ => return None,
    };
    number.checked_mul(unit_ms).filter(|ms| *ms > 0)
}

fn stage(cursor: &mut Cursor<'_>) -> Result<(StageKind, Box<ast::Query>), ParseError> {
    if cursor.take(&["CREATE", "OR", "REFRESH", "MATERIALIZED", "VIEW"]) {
        let table = cursor.table_name()?;
        let expectations = expectation::parse_list(cursor)?;
        cursor.expect("AS")?;
        return Ok((StageKind::Materialize { table, expectations }, cursor.query()?));
    }
    if cursor.take(&["CREATE", "TEMPORARY", "VIEW"]) || cursor.take(&["CREATE", "TEMP", "VIEW"]) {
        let name = cursor.ident("the view's name, of one part")?;
        if cursor.next_is(&Token::Period) {
            return Err(cursor.expected("AS: a temporary view belongs to its run and has a name of one part"));
        }
        cursor.expect("AS")?;
        return Ok((StageKind::View { name }, cursor.query()?));
    }
    if cursor.take(&["INSERT", "INTO"]) {
        let table = cursor.table_name()?;
        let mut columns = Vec::new();
        if cursor.take_token(&Token::LParen) {
            columns = cursor.list(|cursor| cursor.ident("a column name"))?;
            cursor.expect_token(&Token::RParen)?;
        }
        return Ok((StageKind::Insert { table, columns }, cursor.query()?));
    }
    for later in [&["USE", "MODULE"][..], &["CREATE", "MODEL"], &["RUN", "PIPELINE"]] {
        if cursor.at_all(later) {
            return Err(
                cursor.error_at(cursor.here(), &format!("{} is not supported in this version", later.join(" ")))
            );
        }
    }
    Err(cursor.expected("a stage: CREATE OR REFRESH MATERIALIZED VIEW, CREATE TEMPORARY VIEW or INSERT INTO"))
}
