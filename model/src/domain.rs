//! Experiment and production.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The world in which a session runs and to which a schema belongs: the second layer of control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Domain {
    /// Free to try things; reads production only where it is approved, never writes it.
    #[default]
    Experiment,
    /// What others rely on; written only by approved pipelines, and never from experiments.
    Production,
}

impl Domain {
    /// The word used in SQL, on the command line and in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Experiment => "experiment",
            Self::Production => "production",
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Domain {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        [Self::Experiment, Self::Production]
            .into_iter()
            .find(|domain| domain.as_str().eq_ignore_ascii_case(word))
            .ok_or_else(|| format!("`{word}` is not a domain: expected experiment or production"))
    }
}
