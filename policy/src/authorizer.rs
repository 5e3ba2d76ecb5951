//! The policies in force.

use std::collections::HashSet;

use cedar_policy::{Policy, PolicyId};
use serde::{Deserialize, Serialize};

use crate::{
    PolicyError,
    error::Position,
    index::Index,
    memory::Memories,
    vocabulary::{self, Vocabulary},
};

/// A policy as the catalog stores it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyText {
    /// The id under which decisions name it, unique among all policies, those of grants included.
    pub id: String,
    /// One static Cedar policy.
    pub text: String,
}

/// Every policy in force, parsed once and filed by scope, with what was decided by them. Immutable: a change of policy
/// makes a new one.
#[derive(Debug)]
pub struct Authorizer {
    vocabulary: Vocabulary,
    index: Index,
    memories: Memories,
}

impl Authorizer {
    /// The authorizer over `policies` and the built-in ones.
    ///
    /// # Errors
    /// [`PolicyError::Unreadable`] if one of them does not parse and [`PolicyError::DuplicateId`] if two share an id:
    /// leaving a policy out might leave out a `forbid`, so there is no authorizer then, and no access.
    pub fn new(policies: impl IntoIterator<Item = PolicyText>) -> Result<Self, PolicyError> {
        let vocabulary = Vocabulary::new()?;
        let mut parsed = vocabulary::built_in()?;
        for policy in policies {
            parsed.push(parse(policy)?);
        }
        let mut ids = HashSet::with_capacity(parsed.len());
        if let Some(policy) = parsed.iter().find(|policy| !ids.insert(policy.id())) {
            return Err(PolicyError::DuplicateId(policy.id().to_string()));
        }
        Ok(Self { index: Index::new(parsed, &vocabulary), vocabulary, memories: Memories::default() })
    }

    pub(crate) fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    pub(crate) fn memories(&self) -> &Memories {
        &self.memories
    }
}

fn parse(PolicyText { id, text }: PolicyText) -> Result<Policy, PolicyError> {
    Policy::parse(Some(PolicyId::new(&id)), &text).map_err(|source| {
        let at = Position::pointed_to(&source, &text);
        PolicyError::Unreadable { id, at, source: Box::new(source) }
    })
}
