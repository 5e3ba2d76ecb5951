//! Whose move it is after an error.

use serde::{Deserialize, Serialize};

/// Whose move it is after an error; every error type of the workspace answers this with `class()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrorClass {
    /// The caller can mend it: wrong SQL, an unknown name, a wrong parameter.
    Caller,
    /// Policy refused it.
    Denied,
    /// The world refused it: a full disk, a missing file, a lock held by someone else.
    Unavailable,
    /// Sluice broke a promise of its own.
    Bug,
}

impl ErrorClass {
    /// The stable code in machine-readable errors.
    pub fn code(self) -> &'static str {
        match self {
            Self::Caller => "INVALID",
            Self::Denied => "DENIED",
            Self::Unavailable => "UNAVAILABLE",
            Self::Bug => "BUG",
        }
    }
}
