//! What a principal may ask to do, with a tag or with a table.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An action on a tag: the third layer of control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TagAction {
    /// Receive values computed from tagged columns.
    Read,
    /// Let tagged columns decide which rows, groups or order are received.
    Use,
    /// Run tagged columns through a stage into a governed table, without seeing them.
    Process,
    /// Send tagged columns to a remote executor.
    Offload,
    /// Set and unset the tag by hand.
    Classify,
}

impl TagAction {
    /// Every action, in the order in which the reference lists them.
    pub const ALL: [Self; 5] = [Self::Read, Self::Use, Self::Process, Self::Offload, Self::Classify];

    /// The word used in SQL and in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "READ",
            Self::Use => "USE",
            Self::Process => "PROCESS",
            Self::Offload => "OFFLOAD",
            Self::Classify => "CLASSIFY",
        }
    }

    /// The action that `word` names, in any case.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str().eq_ignore_ascii_case(word))
    }
}

impl fmt::Display for TagAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An action on a table, a view or a schema: the first layer of control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TableAction {
    /// Know that the object exists and what it is made of. Implied by every other action.
    See,
    /// Read rows.
    Select,
    /// Add rows.
    Insert,
    /// Change, delete or replace rows.
    Modify,
    /// Create tables and views in a schema.
    Create,
    /// Alter, drop, and grant on the object. Owners hold it; it cannot be granted.
    Own,
}

impl TableAction {
    /// The actions that `GRANT` accepts.
    pub const GRANTABLE: [Self; 4] = [Self::Select, Self::Insert, Self::Modify, Self::Create];

    /// The word used in SQL and in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::See => "SEE",
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Modify => "MODIFY",
            Self::Create => "CREATE",
            Self::Own => "OWN",
        }
    }

    /// The grantable action that `word` names, in any case.
    pub fn parse_grantable(word: &str) -> Option<Self> {
        Self::GRANTABLE.into_iter().find(|action| action.as_str().eq_ignore_ascii_case(word))
    }
}

impl fmt::Display for TableAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
