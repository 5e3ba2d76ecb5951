//! Who asks.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::Domain;

/// What sort of principal a name belongs to. The three share one name space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PrincipalKind {
    /// A person.
    User,
    /// A program that acts on its own, such as a pipeline's runner.
    Service,
    /// A set of users, services and groups.
    Group,
}

impl PrincipalKind {
    /// The word used in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::Service => "SERVICE",
            Self::Group => "GROUP",
        }
    }

    /// The kind that `word` names, in any case.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::User, Self::Service, Self::Group].into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(word))
    }
}

impl fmt::Display for PrincipalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A user, a service or a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Principal {
    /// What sort it is.
    pub kind: PrincipalKind,
    /// Its unquoted name, unique among all principals.
    pub name: Arc<str>,
}

impl Principal {
    /// The principal of `kind` called `name`.
    pub fn new(kind: PrincipalKind, name: impl Into<Arc<str>>) -> Self {
        Self { kind, name: name.into() }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// On whose behalf a statement runs, and in what circumstances: the *who* of every policy decision.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The user or service that asks.
    pub principal: Principal,
    /// Every group that it belongs to, directly or through other groups, sorted; always holds `everyone`.
    pub groups: Vec<Arc<str>>,
    /// The domain of the session.
    pub domain: Domain,
    /// What the caller says the data is for; empty when nothing was said.
    pub purpose: Arc<str>,
}

impl Subject {
    /// The group that every principal belongs to.
    pub const EVERYONE: &str = "everyone";
    /// The group whose members administer the installation.
    pub const ADMINS: &str = "admins";

    /// Whether the principal belongs to the group called `group`.
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|member_of| &**member_of == group)
    }
}
