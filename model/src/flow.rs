//! How a tag reaches a column.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a tagged column reaches an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Flow {
    /// The value is computed from it.
    Direct,
    /// It decided which rows or groups contributed to the value.
    Indirect,
    /// It decided which rows of the relation exist, how many, or in what order.
    Row,
}

impl Flow {
    /// The word used in answers and in the catalog.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Indirect => "indirect",
            Self::Row => "row",
        }
    }

    /// The flow that `word` names.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Direct, Self::Indirect, Self::Row].into_iter().find(|flow| flow.as_str() == word)
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a tag came to stand on a column of a stored table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TagSource {
    /// Somebody set it with `SET TAG`.
    Set,
    /// It arrived with the data, when the table was written.
    Propagated,
}

impl TagSource {
    /// The word used in answers and in the catalog.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Propagated => "propagated",
        }
    }

    /// The source that `word` names.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Set, Self::Propagated].into_iter().find(|source| source.as_str() == word)
    }
}
