//! Which policies a request is given.
//!
//! The cost of a Cedar decision is linear in the number of policies that it is given. A policy whose scope does not
//! match the request cannot affect the decision, so a decision is given only the *slice* of policies whose scope does.
//! Policies are filed under the pair of entities that their scopes name; a request looks under the pairs made of its
//! principal and the groups above it, and its resource and what that lies in.

use std::collections::HashMap;

use cedar_policy::{ActionConstraint, EntityTypeName, EntityUid, Policy, PrincipalConstraint, ResourceConstraint};

use crate::{inputs::Inputs, request::Action, vocabulary::Vocabulary};

/// The position of a policy in [`Index::policies`].
pub(crate) type PolicyNumber = usize;

/// The number of an entity that some scope names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Name(usize);

/// A policy with what is known about its conditions.
#[derive(Debug)]
pub(crate) struct Indexed {
    pub(crate) policy: Policy,
    pub(crate) inputs: Inputs,
}

/// One half of a policy's scope.
#[derive(Debug, Default)]
struct Constraint {
    /// The type that `is` demands.
    is: Option<EntityTypeName>,
    /// The entity that `==` or `in` names.
    entity: Option<EntityUid>,
    /// Whether it must be the entity itself.
    exactly: bool,
}

/// A policy under the pair of entities that its scope names.
#[derive(Debug)]
struct Entry {
    policy: PolicyNumber,
    /// The actions that the scope matches, one bit for each number.
    actions: u16,
    principal: Constraint,
    resource: Constraint,
}

/// An entity of a request and what it lies in, as far as any scope names it.
#[derive(Debug)]
pub(crate) struct Place {
    kind: EntityTypeName,
    /// Every name that the request is to be looked up under, and whether it is the entity itself.
    names: Vec<(Option<Name>, bool)>,
}

/// The policies, filed by scope.
#[derive(Debug)]
pub(crate) struct Index {
    policies: Vec<Indexed>,
    names: HashMap<EntityUid, Name>,
    entries: HashMap<(Option<Name>, Option<Name>), Vec<Entry>>,
}

impl Index {
    pub(crate) fn new(policies: Vec<Policy>, vocabulary: &Vocabulary) -> Self {
        let mut index = Self { policies: Vec::new(), names: HashMap::new(), entries: HashMap::new() };
        for policy in policies {
            index.insert(policy, vocabulary);
        }
        index
    }

    /// The policy numbered `number`.
    pub(crate) fn policy(&self, number: PolicyNumber) -> &Indexed {
        &self.policies[number]
    }

    /// Where scopes may name `entity` or one of `ancestors`.
    pub(crate) fn place(&self, entity: &EntityUid, ancestors: &[EntityUid]) -> Place {
        let mut names = vec![(None, true)];
        names.extend(self.names.get(entity).map(|name| (Some(*name), true)));
        names.extend(ancestors.iter().filter_map(|uid| self.names.get(uid)).map(|name| (Some(*name), false)));
        Place { kind: entity.type_name().clone(), names }
    }

    /// Exactly the policies whose scope matches, in ascending order.
    pub(crate) fn slice(&self, principal: &Place, action: Action, resource: &Place) -> Vec<PolicyNumber> {
        let mut slice = Vec::new();
        for (principal_name, is_principal) in &principal.names {
            for (resource_name, is_resource) in &resource.names {
                let entries = self.entries.get(&(*principal_name, *resource_name)).into_iter().flatten();
                let matching = entries.filter(|entry| {
                    entry.actions & (1 << action.number()) != 0
                        && entry.principal.admits(&principal.kind, *is_principal)
                        && entry.resource.admits(&resource.kind, *is_resource)
                });
                slice.extend(matching.map(|entry| entry.policy));
            }
        }
        slice.sort_unstable();
        slice.dedup();
        slice
    }

    fn insert(&mut self, policy: Policy, vocabulary: &Vocabulary) {
        let principal = Constraint::from(policy.principal_constraint());
        let resource = Constraint::from(policy.resource_constraint());
        let under = (self.name(&principal), self.name(&resource));
        let entry = Entry { policy: self.policies.len(), actions: actions(&policy, vocabulary), principal, resource };
        self.entries.entry(under).or_default().push(entry);
        self.policies.push(Indexed { inputs: Inputs::of(&policy), policy });
    }

    fn name(&mut self, constraint: &Constraint) -> Option<Name> {
        let next = Name(self.names.len());
        Some(*self.names.entry(constraint.entity.clone()?).or_insert(next))
    }
}

impl Constraint {
    /// Whether it matches an entity of `kind` that was found under the constraint's own entity, or under none where
    /// it has none; `itself` says that it is that entity and not one that lies in it.
    fn admits(&self, kind: &EntityTypeName, itself: bool) -> bool {
        (itself || !self.exactly) && self.is.as_ref().is_none_or(|is| is == kind)
    }
}

impl From<PrincipalConstraint> for Constraint {
    fn from(constraint: PrincipalConstraint) -> Self {
        match constraint {
            PrincipalConstraint::Any => Self::default(),
            PrincipalConstraint::Is(kind) => Self { is: Some(kind), ..Self::default() },
            PrincipalConstraint::In(uid) => Self { entity: Some(uid), ..Self::default() },
            PrincipalConstraint::Eq(uid) => Self { entity: Some(uid), exactly: true, is: None },
            PrincipalConstraint::IsIn(kind, uid) => Self { is: Some(kind), entity: Some(uid), exactly: false },
        }
    }
}

impl From<ResourceConstraint> for Constraint {
    fn from(constraint: ResourceConstraint) -> Self {
        match constraint {
            ResourceConstraint::Any => Self::default(),
            ResourceConstraint::Is(kind) => Self { is: Some(kind), ..Self::default() },
            ResourceConstraint::In(uid) => Self { entity: Some(uid), ..Self::default() },
            ResourceConstraint::Eq(uid) => Self { entity: Some(uid), exactly: true, is: None },
            ResourceConstraint::IsIn(kind, uid) => Self { is: Some(kind), entity: Some(uid), exactly: false },
        }
    }
}

/// The actions that the scope of `policy` matches, one bit for each number.
fn actions(policy: &Policy, vocabulary: &Vocabulary) -> u16 {
    let constraint = policy.action_constraint();
    let matches = |action: &Action| match &constraint {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(uid) => vocabulary.action(*action).uid() == *uid,
        ActionConstraint::In(uids) => uids.iter().any(|uid| vocabulary.implies(uid, *action)),
    };
    Action::ALL.iter().filter(|action| matches(action)).fold(0, |bits, action| bits | 1 << action.number())
}
