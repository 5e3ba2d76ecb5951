//! What is said to someone who was refused.

use std::fmt;

use sluice_model::{ColumnName, Domain, Flow, TableAction, TableName, Tag, TagAction};

/// One reason for which a statement was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// What was refused.
    pub kind: DenialKind,
    /// Who was refused.
    pub principal: String,
    /// From the source, through the operators, to the sink; in words.
    pub path: Vec<String>,
    /// What would help.
    pub hint: Option<String>,
    /// The policies that determined it; empty where nothing was granted.
    pub policies: Vec<String>,
}

/// What was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DenialKind {
    /// A tag that flows to the caller or into a table.
    Tag {
        /// The column that carries the tag where the statement reads it; the table where it stands on the rows.
        column: ColumnOrRows,
        /// The tag.
        tag: Tag,
        /// What is missing.
        action: TagAction,
        /// How it flows.
        flow: Flow,
        /// The output column that it reaches; `None` where it reaches the rows.
        output: Option<String>,
    },
    /// An action on a table or a schema that was not granted, or that a rule about domains forbids.
    Object {
        /// The table or schema, as users write it.
        object: String,
        /// What was asked.
        action: TableAction,
        /// What the domains have to do with it.
        reason: ObjectReason,
    },
    /// A tag that flows into a column that does not carry it.
    Column {
        /// The column that would be written.
        column: ColumnName,
        /// The tag that it lacks.
        tag: Tag,
    },
    /// Setting or unsetting a tag by hand.
    Classify {
        /// The tag.
        tag: Tag,
    },
    /// An administrative statement.
    Administer,
}

/// A column, or the rows of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnOrRows {
    /// A column.
    Column(ColumnName),
    /// A table's rows.
    Rows(TableName),
    /// Something that the caller may not know of, reached through this view or table.
    Hidden(TableName),
}

impl fmt::Display for ColumnOrRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(column) => column.fmt(f),
            Self::Rows(table) => write!(f, "{table} (rows)"),
            Self::Hidden(through) => write!(f, "{through} (a column behind it)"),
        }
    }
}

/// Why an action on a table or schema was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectReason {
    /// Nothing grants it.
    NotGranted,
    /// A policy of the installation forbids it.
    Forbidden,
    /// The domains of session and object do not go together.
    Domains {
        /// The domain of the session.
        session: Domain,
        /// The domain of the object.
        object: Domain,
    },
    /// The view's owner no longer holds `SELECT` on what the view reads.
    ViewOwner,
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let principal = &self.principal;
        match &self.kind {
            DenialKind::Tag { column, tag, action, .. } => {
                let what = if matches!(column, ColumnOrRows::Rows(_)) { "table" } else { "column" };
                write!(f, "{what} `{column}` carries `{tag}`, and `{principal}` has no {action} on it")
            }
            DenialKind::Object { object, action, reason } => match reason {
                ObjectReason::NotGranted => write!(f, "`{principal}` has no {action} on `{object}`"),
                ObjectReason::Forbidden => write!(f, "a policy forbids `{principal}` {action} on `{object}`"),
                ObjectReason::Domains { session, object: domain } if session == domain => {
                    write!(f, "{action} on `{object}`, which is in domain {domain}, takes an approved pipeline")
                }
                ObjectReason::Domains { session, object: domain } => {
                    write!(f, "{action} on `{object}`, which is in domain {domain}, is refused in domain {session}")
                }
                ObjectReason::ViewOwner => {
                    write!(f, "the owner of view `{object}` has no {action} on what it reads")
                }
            },
            DenialKind::Column { column, tag } => {
                write!(f, "`{tag}` flows into column `{column}`, which does not carry it")
            }
            DenialKind::Classify { tag } => write!(f, "`{principal}` has no CLASSIFY on `{tag}`"),
            DenialKind::Administer => write!(f, "`{principal}` is not in the group `admins`"),
        }
    }
}

impl Denial {
    /// A denial of an administrative statement.
    pub fn administer(principal: &str, what: &str) -> Self {
        Self {
            kind: DenialKind::Administer,
            principal: principal.to_owned(),
            path: Vec::new(),
            hint: Some(format!("ask an admin to {what}")),
            policies: Vec::new(),
        }
    }
}
