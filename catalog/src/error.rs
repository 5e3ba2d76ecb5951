//! Why the catalog refused or could not answer.

use std::{path::PathBuf, sync::Arc};

use sluice_model::{ColumnName, Domain, ErrorClass, Origin, SchemaName, TableName, Tag};

use crate::StorageError;

/// Why the catalog refused or could not answer. The texts name objects; whether the caller may know of them is for
/// the layers above to decide.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// A home was to be made where one is.
    #[error("`{}` already holds a catalog", .0.display())]
    HomeExists(PathBuf),
    /// No file is where the catalog should be.
    #[error("there is no catalog at `{}`; make one with `sluice init`", .0.display())]
    HomeMissing(PathBuf),
    /// The file is something else, or a catalog whose making was interrupted.
    #[error("`{}` is not a Sluice catalog, or is damaged; restore it from a backup", .0.display())]
    NotACatalog(PathBuf),
    /// A later version of Sluice has changed the catalog.
    #[error(
        "the catalog was made by Sluice {made_by} (format {format}), and this is Sluice {}, which knows formats up to \
         {known}; use Sluice {made_by} or later",
        env!("CARGO_PKG_VERSION")
    )]
    NewerHome {
        /// The version of Sluice that last changed the format.
        made_by: String,
        /// The catalog's format.
        format: i64,
        /// The newest format that this version can read.
        known: i64,
    },
    /// An earlier version made the catalog, and it cannot be brought up to date where it may not be written.
    #[error("the catalog was made by Sluice {made_by} and must be opened once where it can be written, to be updated")]
    OlderHome {
        /// The version of Sluice that last changed the format.
        made_by: String,
    },
    /// The home was opened for reading, or may not be written.
    #[error("the home is read-only: its catalog `{}` cannot be written", .0.display())]
    ReadOnly(PathBuf),
    /// The home may not be written, changes wait in the log beside the catalog, and the index that reading the log takes is
    /// missing.
    #[error(
        "the home is read-only, and changes to its catalog wait in `{}-wal`, which only somebody who may write the home \
         can finish: let them run any command in it, such as `sluice runs`",
        .0.display()
    )]
    Unfinished(PathBuf),
    /// No space is left where the catalog is.
    #[error("the disk that holds the catalog is full; nothing was changed")]
    DiskFull,
    /// Another process held the catalog's write lock too long.
    #[error("another process is changing the catalog and did not finish in time; try again")]
    Busy,
    /// The store failed in a way that is not Sluice's doing.
    #[error("the catalog's store failed")]
    Store(#[source] sqlx::Error),
    /// The store failed in a way that can only be Sluice's doing.
    #[error("the catalog sent a statement that its store refused")]
    Statement(#[source] sqlx::Error),
    /// The store holds a value that the catalog never writes.
    #[error("the catalog holds a malformed {0}")]
    Malformed(&'static str),

    /// No schema has that name.
    #[error("schema `{0}` does not exist")]
    SchemaMissing(SchemaName),
    /// Another schema has that name.
    #[error("schema `{0}` already exists")]
    SchemaExists(SchemaName),
    /// A schema with tables in it was to be dropped without them.
    #[error("schema `{schema}` holds {tables} tables or views; drop them first, or add CASCADE")]
    SchemaNotEmpty {
        /// The schema.
        schema: SchemaName,
        /// How many tables and views are in it.
        tables: u64,
    },
    /// No table or view has that name.
    #[error("table `{0}` does not exist")]
    TableMissing(TableName),
    /// A table or view that a caller held by its identity has been dropped meanwhile.
    #[error("the table has been dropped meanwhile")]
    TableDropped,
    /// Another table or view has that name.
    #[error("table `{0}` already exists")]
    TableExists(TableName),
    /// Something that only views have was asked of another table.
    #[error("`{0}` is not a view")]
    NotAView(TableName),
    /// A table was to be moved to a schema of another domain, which would change who may read it.
    #[error("`{table}` cannot be renamed into a schema of domain {domain}")]
    OtherDomain {
        /// The table.
        table: TableName,
        /// The domain of the schema that it was to go to.
        domain: Domain,
    },
    /// The table has no such column.
    #[error("column `{0}` does not exist")]
    ColumnMissing(ColumnName),
    /// Two columns have one name.
    #[error("column `{0}` is given twice")]
    ColumnTwice(Arc<str>),

    /// No tag has that name.
    #[error("tag `{tag}` does not exist{}", hint(.nearest))]
    TagMissing {
        /// The name that was asked for.
        tag: Tag,
        /// A tag that is spelled almost like it.
        nearest: Option<Tag>,
    },
    /// Another tag has that name.
    #[error("tag `{0}` already exists")]
    TagExists(Tag),
    /// A tag was to be dropped that still stands somewhere.
    #[error("tag `{tag}` stands on `{place}`; unset it there first")]
    TagInUse {
        /// The tag.
        tag: Tag,
        /// One place where it stands.
        place: Origin,
    },
    /// `public` and `unclassified` are part of every home.
    #[error("tag `{0}` is part of every home and cannot be dropped")]
    TagBuiltIn(Tag),
    /// `unclassified` was to be set by hand.
    #[error("`unclassified` cannot be set: a column carries it by itself until it is given another tag")]
    UnclassifiedSet,
    /// A tag was to be unset that arrived with the data. From where is not said: who asks may not know of it.
    #[error("`{tag}` on `{place}` arrived with the rows and can only leave when the table is refreshed without it")]
    TagPropagated {
        /// The tag.
        tag: Tag,
        /// Where it stands.
        place: Origin,
    },
    /// A tag was to be unset where it does not stand.
    #[error("`{tag}` is not set on `{place}`")]
    TagNotSet {
        /// The tag.
        tag: Tag,
        /// Where it was looked for.
        place: Origin,
    },

    /// No principal has that name.
    #[error("principal `{0}` does not exist")]
    PrincipalMissing(Arc<str>),
    /// Another principal has that name: users, services and groups share one name space.
    #[error("principal `{0}` already exists")]
    PrincipalExists(Arc<str>),
    /// A principal that owns something was to be dropped.
    #[error("principal `{principal}` owns `{object}`; give it to someone else first")]
    PrincipalOwns {
        /// The principal.
        principal: Arc<str>,
        /// One thing that it owns, as a name.
        object: String,
    },
    /// `admins` and `everyone` are part of every home.
    #[error("group `{0}` is part of every home: it cannot be dropped")]
    PrincipalBuiltIn(Arc<str>),
    /// Every principal is in `everyone`, and nobody can leave.
    #[error("every principal is in `everyone` by itself")]
    EveryoneFixed,
    /// Members were to be given to something that is not a group.
    #[error("`{0}` is not a group")]
    NotAGroup(Arc<str>),
    /// A group would have come to be a member of itself.
    #[error("`{group}` is itself in `{member}`, directly or through other groups")]
    GroupCycle {
        /// The group that was to get a member.
        group: Arc<str>,
        /// The group that was to become the member.
        member: Arc<str>,
    },
    /// A membership was to end that there is not.
    #[error("`{member}` is not in group `{group}`")]
    NotAMember {
        /// The group.
        group: Arc<str>,
        /// The principal.
        member: Arc<str>,
    },
    /// Nobody would be left to administer the home.
    #[error("`{0}` is the last member of `admins`; add another one first")]
    LastAdmin(Arc<str>),
    /// A group was to be given a token or a password.
    #[error("`{0}` is a group; only users and services have tokens and passwords")]
    GroupCredential(Arc<str>),
    /// No token has that id.
    #[error("token `{0}` does not exist")]
    TokenMissing(Arc<str>),
    /// A password was to be taken away where none is.
    #[error("`{0}` has no password")]
    PasswordMissing(Arc<str>),

    /// Another policy has that name.
    #[error("policy `{0}` already exists")]
    PolicyExists(Arc<str>),
    /// No policy has that name.
    #[error("policy `{0}` does not exist")]
    PolicyMissing(Arc<str>),
    /// No run or stage has that name.
    #[error("run or stage `{0}` does not exist")]
    RunMissing(Arc<str>),

    /// A table's files could not be opened.
    #[error("table `{table}` cannot be opened")]
    Storage {
        /// The table.
        table: TableName,
        /// What is wrong with its files.
        source: StorageError,
    },
}

impl CatalogError {
    /// Whose move it is.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::NotACatalog(_)
            | Self::HomeMissing(_)
            | Self::NewerHome { .. }
            | Self::OlderHome { .. }
            | Self::ReadOnly(_)
            | Self::Unfinished(_)
            | Self::DiskFull
            | Self::Busy
            | Self::Store(_) => ErrorClass::Unavailable,
            Self::Statement(_) | Self::Malformed(_) => ErrorClass::Bug,
            Self::Storage { source, .. } => source.class(),
            Self::HomeExists(_)
            | Self::SchemaMissing(_)
            | Self::SchemaExists(_)
            | Self::SchemaNotEmpty { .. }
            | Self::TableMissing(_)
            | Self::TableDropped
            | Self::TableExists(_)
            | Self::NotAView(_)
            | Self::OtherDomain { .. }
            | Self::ColumnMissing(_)
            | Self::ColumnTwice(_)
            | Self::TagMissing { .. }
            | Self::TagExists(_)
            | Self::TagInUse { .. }
            | Self::TagBuiltIn(_)
            | Self::UnclassifiedSet
            | Self::TagPropagated { .. }
            | Self::TagNotSet { .. }
            | Self::PrincipalMissing(_)
            | Self::PrincipalExists(_)
            | Self::PrincipalOwns { .. }
            | Self::PrincipalBuiltIn(_)
            | Self::EveryoneFixed
            | Self::NotAGroup(_)
            | Self::GroupCycle { .. }
            | Self::NotAMember { .. }
            | Self::LastAdmin(_)
            | Self::GroupCredential(_)
            | Self::TokenMissing(_)
            | Self::PasswordMissing(_)
            | Self::PolicyExists(_)
            | Self::PolicyMissing(_)
            | Self::RunMissing(_) => ErrorClass::Caller,
        }
    }
}

fn hint(nearest: &Option<Tag>) -> String {
    nearest.as_ref().map(|tag| format!("; did you mean `{tag}`?")).unwrap_or_default()
}

/// SQLite's primary result codes that are the world's doing; <https://www.sqlite.org/rescode.html>.
mod code {
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const NOMEM: i32 = 7;
    pub(super) const READONLY: i32 = 8;
    pub(super) const IOERR: i32 = 10;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const NOTADB: i32 = 26;
}

impl From<sqlx::Error> for CatalogError {
    fn from(error: sqlx::Error) -> Self {
        let sqlx::Error::Database(problem) = &error else {
            return match error {
                sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_) => {
                    Self::Statement(error)
                }
                _ => Self::Store(error),
            };
        };
        let code = problem.code().and_then(|text| text.parse::<i32>().ok());
        Self::from_code(code, error)
    }
}

impl From<rusqlite::Error> for CatalogError {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error().map(|problem| problem.extended_code);
        Self::from_code(code, sqlx::Error::AnyDriverError(Box::new(error)))
    }
}

impl CatalogError {
    fn from_code(code: Option<i32>, error: sqlx::Error) -> Self {
        // The low byte of an extended code is the primary one.
        match code.map(|code| code & 0xff) {
            Some(code::FULL) => Self::DiskFull,
            Some(code::BUSY | code::LOCKED) => Self::Busy,
            Some(code::NOMEM | code::READONLY | code::IOERR | code::CORRUPT | code::CANTOPEN | code::NOTADB) => {
                Self::Store(error)
            }
            _ => Self::Statement(error),
        }
    }
}
