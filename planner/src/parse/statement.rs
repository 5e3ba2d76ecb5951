//! What a text can say: one variant per statement.

use std::sync::Arc;

use sluice_catalog::{TableRequest, TableVersion};
use sluice_model::{
    Domain, IndirectRule, Principal, PrincipalKind, SchemaName, TableAction, TableName, Tag, TagAction,
};
use sqlparser::ast;

use super::{
    ParseError, Password, SourceSpan, TableRef,
    cursor::{Cursor, fold_object_name},
    versions::Versions,
};

/// About what a token becomes, in bytes, once it is read: of a long list, every other one is an expression.
const BYTES_PER_TOKEN: usize = 400;

/// A statement with the text that it was read from.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// What it says.
    pub statement: Statement,
    /// Its own text, without the semicolon; what belongs to a password or a token is left out of it.
    pub text: Arc<str>,
    /// Where it stands in the text that was parsed.
    pub span: SourceSpan,
    /// Which table names in it stand for a version.
    pub versions: Versions,
    /// The names of its parameters without the dollar sign, each once; numbers from one without a gap, or names in
    /// the order in which they first stand.
    pub parameters: Vec<Arc<str>>,
    /// How many words, literals and marks it is made of.
    pub tokens: usize,
}

impl Parsed {
    /// About how much memory it takes, in bytes.
    pub fn bytes(&self) -> usize {
        self.text.len() + BYTES_PER_TOKEN * self.tokens
    }

    /// Every relation that the statement's queries name, `WITH` queries included.
    pub fn relations(&self) -> Vec<TableRef> {
        self.statement.relations(&self.versions)
    }

    /// The tables that the statement names, without local names.
    pub fn tables(&self) -> Vec<TableRequest> {
        self.relations()
            .into_iter()
            .filter_map(|relation| match relation {
                TableRef::Table(request) => Some(request),
                TableRef::Local(_) | TableRef::TooLong(_) => None,
            })
            .collect()
    }
}

/// One statement.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Statement {
    /// `SELECT`, `WITH`, `VALUES`.
    Query(Box<ast::Query>),
    /// `EXPLAIN [GOVERNANCE] query`.
    Explain(Explain),
    /// A statement that writes rows.
    Write(Write),
    /// `CREATE SCHEMA [IF NOT EXISTS] s [DOMAIN d]`.
    CreateSchema {
        /// The new schema.
        name: SchemaName,
        /// Its domain.
        domain: Domain,
        /// Whether an existing schema is left as it is.
        if_not_exists: bool,
    },
    /// `CREATE EXTERNAL TABLE`.
    CreateExternalTable(CreateExternal),
    /// `CREATE [OR REPLACE] VIEW v AS query`.
    CreateView {
        /// The view.
        name: TableName,
        /// Whether an existing view is replaced.
        or_replace: bool,
        /// What it stands for.
        query: Box<ast::Query>,
        /// The query as it was written.
        text: Arc<str>,
    },
    /// `DROP SCHEMA | TABLE | VIEW | TAG | USER | GROUP | SERVICE | POLICY | TOKEN`.
    Drop {
        /// What is dropped.
        object: DropKind,
        /// Whether a missing object is no error.
        if_exists: bool,
        /// Whether what a schema holds goes with it.
        cascade: bool,
    },
    /// `ALTER TABLE t RENAME TO u`.
    RenameTable {
        /// The table.
        from: TableName,
        /// Its new name, in the same schema.
        to: Arc<str>,
    },
    /// `CREATE TAG t [INDIRECT DENY | AUDIT | IGNORE] [COMMENT 'text']`.
    CreateTag {
        /// The new tag.
        tag: Tag,
        /// What happens to indirect flows of it.
        indirect: IndirectRule,
        /// What it stands for.
        comment: Option<String>,
    },
    /// `SET TAG` and `UNSET TAG`.
    SetTag {
        /// Whether the tags are set, not unset.
        set: bool,
        /// Where.
        target: TagTarget,
    },
    /// `APPROVE TABLE t FOR EXPERIMENT`, or its `REVOKE APPROVAL ON TABLE t FOR EXPERIMENT`.
    ApproveTable {
        /// The table.
        table: TableName,
        /// Whether it is approved, not disapproved.
        approve: bool,
    },
    /// `CREATE USER | GROUP | SERVICE name`.
    CreatePrincipal {
        /// The new principal.
        principal: Principal,
        /// Whether an existing one is left as it is.
        if_not_exists: bool,
    },
    /// `ALTER GROUP g ADD | DROP USER | GROUP | SERVICE p`.
    AlterGroup {
        /// The group.
        group: Arc<str>,
        /// Whether the member is added, not removed.
        add: bool,
        /// The member.
        member: Principal,
    },
    /// `CREATE TOKEN FOR [USER | SERVICE] name [EXPIRES 'moment']`.
    CreateToken {
        /// What the statement says that the holder is.
        kind: Option<PrincipalKind>,
        /// Who gets in by the token.
        holder: Arc<str>,
        /// When it ends, in milliseconds since 1970 (UTC); `None` for the usual time.
        expires_at_ms: Option<i64>,
    },
    /// `ALTER USER | SERVICE name SET PASSWORD 'text'` and `… DROP PASSWORD`.
    SetPassword {
        /// Whose password.
        principal: Principal,
        /// The new one; `None` for none any more.
        password: Option<Password>,
    },
    /// `GRANT` and `REVOKE`.
    Grant(GrantStatement),
    /// `CREATE POLICY p AS CEDAR $$ … $$`.
    CreatePolicy {
        /// The new policy.
        name: Arc<str>,
        /// Its Cedar text.
        cedar: String,
    },
    /// `SHOW …` and `DESCRIBE t`.
    Show(ShowStatement),
    /// `SET name = value`.
    Set(SetVariable),
}

/// `EXPLAIN …`.
#[derive(Debug, Clone)]
pub struct Explain {
    /// Whether the question is who may see what and why, not how it is computed.
    pub governance: bool,
    /// The query that is explained.
    pub query: Box<ast::Query>,
}

/// A statement that writes rows into a managed table.
#[derive(Debug, Clone)]
pub enum Write {
    /// `CREATE [OR REPLACE] TABLE t (columns)` or `… AS query`.
    CreateTable(CreateTable),
    /// `INSERT INTO t [(columns)] query`.
    Insert {
        /// The table.
        table: TableName,
        /// The columns that are named; empty for all of them in order.
        columns: Vec<Arc<str>>,
        /// Whether the table's rows are replaced.
        overwrite: bool,
        /// The rows.
        query: Box<ast::Query>,
    },
    /// `UPDATE t SET … [WHERE …]`.
    Update(Box<ast::Update>),
    /// `DELETE FROM t [WHERE …]`.
    Delete(Box<ast::Delete>),
    /// `MERGE INTO t USING s ON …`.
    Merge(Box<ast::Merge>),
}

/// `CREATE TABLE`.
#[derive(Debug, Clone)]
pub struct CreateTable {
    /// The new table.
    pub name: TableName,
    /// Whether an existing table is replaced.
    pub or_replace: bool,
    /// Whether an existing table is left as it is.
    pub if_not_exists: bool,
    /// The columns; empty where those of the query are taken as they are.
    pub columns: Vec<Column>,
    /// The query that makes the rows.
    pub query: Option<Box<ast::Query>>,
}

/// A column of `CREATE TABLE`.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name.
    pub name: Arc<str>,
    /// Its SQL type.
    pub data_type: ast::DataType,
    /// Whether it may hold `NULL`.
    pub nullable: bool,
}

/// The file formats of external tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    /// Parquet files.
    Parquet,
    /// Comma-separated values.
    Csv,
    /// One JSON object a line.
    Json,
    /// A Delta table.
    Delta,
}

/// `CREATE EXTERNAL TABLE t [(columns)] STORED AS f LOCATION 'p' [OPTIONS (…)]`.
#[derive(Debug, Clone)]
pub struct CreateExternal {
    /// The new table.
    pub name: TableName,
    /// Whether an existing table is left as it is.
    pub if_not_exists: bool,
    /// The format of the files.
    pub format: FileFormat,
    /// Where they are, as written.
    pub location: String,
    /// Options of the format, by name.
    pub options: Vec<(String, String)>,
}

/// What `DROP` takes away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DropKind {
    /// A schema.
    Schema(SchemaName),
    /// A table.
    Table(TableName),
    /// A view.
    View(TableName),
    /// A tag.
    Tag(Tag),
    /// A user, a group or a service.
    Principal(PrincipalKind, Arc<str>),
    /// A Cedar policy.
    Policy(Arc<str>),
    /// An access token, by its id.
    Token(Arc<str>),
}

/// The tags of one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnTags {
    /// The column.
    pub column: Arc<str>,
    /// The tags, at least one.
    pub tags: Vec<Tag>,
}

/// Where `SET TAG` sets tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagTarget {
    /// On columns.
    Columns(TableName, Vec<ColumnTags>),
    /// On the rows of a table.
    Rows(TableName, Vec<Tag>),
}

impl TagTarget {
    /// The table.
    pub fn table(&self) -> &TableName {
        match self {
            Self::Columns(table, _) | Self::Rows(table, _) => table,
        }
    }

    /// Every tag that is named.
    pub fn tags(&self) -> impl Iterator<Item = &Tag> {
        let (columns, rows): (&[ColumnTags], &[Tag]) = match self {
            Self::Columns(_, columns) => (columns, &[]),
            Self::Rows(_, tags) => (&[], tags),
        };
        columns.iter().flat_map(|column| &column.tags).chain(rows)
    }
}

/// What is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantAction {
    /// On a tag.
    Tag(TagAction),
    /// On a table or a schema.
    Table(TableAction),
}

impl GrantAction {
    /// The word used in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tag(action) => action.as_str(),
            Self::Table(action) => action.as_str(),
        }
    }
}

/// What it is granted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantObject {
    /// A tag and those under it.
    Tag(Tag),
    /// Everything in a schema.
    Schema(SchemaName),
    /// A table or view.
    Table(TableName),
}

/// `GRANT a ON o TO p [IN DOMAIN d]` and `REVOKE a ON o FROM p [IN DOMAIN d]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantStatement {
    /// Whether it is granted, not revoked.
    pub grant: bool,
    /// The actions, at least one.
    pub actions: Vec<GrantAction>,
    /// On what.
    pub object: GrantObject,
    /// To or from whom.
    pub principal: Principal,
    /// In which domain only; `None` for both.
    pub domain: Option<Domain>,
}

/// `SHOW …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShowStatement {
    /// `SHOW TAGS`.
    Tags,
    /// `SHOW TAGS ON TABLE t`.
    TagsOn(TableName),
    /// `SHOW UNCLASSIFIED [IN s]`.
    Unclassified(Option<SchemaName>),
    /// `SHOW LINEAGE OF s.t.c`.
    Lineage(TableName, Arc<str>),
    /// `SHOW GRANTS [ON …] [TO …]`.
    Grants(Option<GrantObject>, Option<Principal>),
    /// `SHOW AUDIT [FOR p]`.
    Audit(Option<Arc<str>>),
    /// `SHOW TOKENS [FOR p]`.
    Tokens(Option<Arc<str>>),
    /// `SHOW SCHEMAS`.
    Schemas,
    /// `SHOW TABLES [IN s]`.
    Tables(Option<SchemaName>),
    /// `DESCRIBE t`, `SHOW COLUMNS FROM t`.
    Columns(TableName),
    /// `SHOW PRINCIPALS`.
    Principals,
    /// `SHOW POLICIES`.
    Policies,
    /// `SHOW HISTORY OF t`.
    History(TableName),
}

/// `SET name = value`: the few settings that a session may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetVariable {
    /// The domain of the following statements.
    Domain(Domain),
    /// What the data is for, of the following statements.
    Purpose(String),
    /// The schema of tables that the following statements name without one; `None` for no such schema.
    Schema(Option<SchemaName>),
    /// The time zone that the following statements reckon in, such as `+02:00` or `Europe/Berlin`; `None` for UTC.
    TimeZone(Option<String>),
}

impl Statement {
    /// Every relation that the statement's queries name.
    pub(crate) fn relations(&self, versions: &Versions) -> Vec<TableRef> {
        match self {
            Self::Query(query) | Self::Explain(Explain { query, .. }) | Self::CreateView { query, .. } => {
                versions.relations_in(query)
            }
            Self::Write(write) => write.relations(versions),
            Self::CreateSchema { .. }
            | Self::CreateExternalTable(_)
            | Self::Drop { .. }
            | Self::RenameTable { .. }
            | Self::CreateTag { .. }
            | Self::SetTag { .. }
            | Self::ApproveTable { .. }
            | Self::CreatePrincipal { .. }
            | Self::AlterGroup { .. }
            | Self::CreateToken { .. }
            | Self::SetPassword { .. }
            | Self::Grant(_)
            | Self::CreatePolicy { .. }
            | Self::Show(_)
            | Self::Set(_) => Vec::new(),
        }
    }
}

impl Write {
    /// The table that is written; `None` where the statement does not name one that can be.
    pub fn target(&self, versions: &Versions) -> Option<TableName> {
        let named = |factor: &ast::TableFactor| match factor {
            ast::TableFactor::Table { name, .. } => match versions.resolve(&fold_object_name(name)) {
                TableRef::Table(request) if request.at == TableVersion::Latest => Some(request.name),
                TableRef::Table(_) | TableRef::Local(_) | TableRef::TooLong(_) => None,
            },
            _ => None,
        };
        match self {
            Self::CreateTable(create) => Some(create.name.clone()),
            Self::Insert { table, .. } => Some(table.clone()),
            Self::Update(update) => named(&update.table.relation),
            Self::Delete(delete) => {
                let (ast::FromTable::WithFromKeyword(from) | ast::FromTable::WithoutKeyword(from)) = &delete.from;
                named(&from.first()?.relation)
            }
            Self::Merge(merge) => named(&merge.table),
        }
    }

    fn relations(&self, versions: &Versions) -> Vec<TableRef> {
        match self {
            Self::CreateTable(create) => create.query.as_ref().map(|q| versions.relations_in(q)).unwrap_or_default(),
            Self::Insert { query, .. } => versions.relations_in(query),
            Self::Update(update) => versions.relations_in(update.as_ref()),
            Self::Delete(delete) => versions.relations_in(delete.as_ref()),
            Self::Merge(merge) => versions.relations_in(merge.as_ref()),
        }
    }
}

/// `SET name = value`, `SET TIME ZONE 'z'`, `USE schema`.
pub(super) fn parse_set(cursor: &mut Cursor<'_>) -> Result<Option<Statement>, ParseError> {
    if cursor.take(&["USE"]) {
        cursor.take(&["SCHEMA"]);
        return Ok(Some(Statement::Set(SetVariable::Schema(Some(cursor.schema_name()?)))));
    }
    if !cursor.take(&["SET"]) {
        return Ok(None);
    }
    if cursor.take(&["TIME", "ZONE"]) {
        return Ok(Some(Statement::Set(SetVariable::TimeZone(time_zone(cursor)?))));
    }
    let at = cursor.here();
    let name = cursor.ident("TAG, domain, purpose, schema or time_zone")?;
    if !cursor.take_token(&sqlparser::tokenizer::Token::Eq) {
        cursor.expect("TO")?;
    }
    let variable = match &*name {
        "domain" => SetVariable::Domain(domain(cursor)?),
        "purpose" => SetVariable::Purpose(cursor.string("a text, such as 'churn model'")?),
        "schema" => SetVariable::Schema(match cursor.string("") {
            Ok(name) => (!name.is_empty()).then(|| SchemaName::new(name)),
            Err(_) => Some(cursor.schema_name()?),
        }),
        "time_zone" | "timezone" => SetVariable::TimeZone(time_zone(cursor)?),
        _ => {
            return Err(cursor.error_at(
                at,
                &format!(
                    "`{name}` is not a setting that a session may change: expected domain, purpose, schema or time_zone"
                ),
            ));
        }
    };
    Ok(Some(Statement::Set(variable)))
}

fn time_zone(cursor: &mut Cursor<'_>) -> Result<Option<String>, ParseError> {
    let zone = cursor.string("a time zone in single quotes, such as 'Europe/Berlin'")?;
    Ok((!zone.is_empty()).then_some(zone))
}

/// `experiment` or `production`, quoted or not.
pub(super) fn domain(cursor: &mut Cursor<'_>) -> Result<Domain, ParseError> {
    let at = cursor.here();
    let word = match cursor.string("") {
        Ok(text) => text,
        Err(_) => cursor.ident("experiment or production")?.to_string(),
    };
    word.parse().map_err(|message: String| cursor.error_at(at, &message))
}
