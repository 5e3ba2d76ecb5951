//! Checking the policies that people write.

use std::str::FromStr;

use cedar_policy::{
    ActionConstraint, Effect, EntityUid, Policy, PolicyId, PolicySet, PrincipalConstraint, ResourceConstraint,
    ValidationMode, ValidationWarning, Validator,
};

use crate::{PolicyError, error::Position, vocabulary};

/// What a policy is about, as written in its head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeSummary {
    /// Whether it forbids; it permits otherwise.
    pub forbids: bool,
    /// Whom it concerns, such as `principal in Group::"analysts"`; `principal` for everyone.
    pub principal: String,
    /// What they do, such as `action == Action::"READ"`; `action` for anything.
    pub action: String,
    /// With what, such as `resource in Tag::"pii"`; `resource` for anything.
    pub resource: String,
    /// Whether it has conditions besides.
    pub conditional: bool,
}

/// Checks that `text` is exactly one policy, without slots, that fits the schema and can apply to something.
///
/// # Errors
/// [`PolicyError`] of class `Caller`, with the place in `text` where Cedar knows it.
pub fn validate(text: &str) -> Result<ScopeSummary, PolicyError> {
    let set = PolicySet::from_str(text)
        .map_err(|source| PolicyError::Syntax { at: Position::pointed_to(&source, text), source: Box::new(source) })?;
    let (policies, templates) = (set.num_of_policies(), set.num_of_templates());
    let policy = match set.policies().next() {
        Some(policy) if policies == 1 && templates == 0 => policy.new_id(PolicyId::new("new")),
        Some(_) | None => return Err(PolicyError::NotOne { policies, templates }),
    };
    let summary = ScopeSummary::of(&policy);
    check_types(policy, text)?;
    Ok(summary)
}

fn check_types(policy: Policy, text: &str) -> Result<(), PolicyError> {
    let set = PolicySet::from_policies([policy]).map_err(|error| PolicyError::BuiltIn(error.into()))?;
    let result = Validator::new(vocabulary::schema()?).validate(&set, ValidationMode::Strict);
    if let Some(error) = result.validation_errors().next() {
        let at = Position::pointed_to(error, text);
        return Err(PolicyError::Mistyped { at, source: Box::new(error.clone()) });
    }
    let never_applies = |warning: &&ValidationWarning| {
        matches!(warning, ValidationWarning::ImpossiblePolicy(_) | ValidationWarning::InvalidActionApplication(_))
    };
    match result.validation_warnings().find(never_applies) {
        Some(warning) => {
            let at = Position::pointed_to(warning, text);
            Err(PolicyError::Impossible { at, source: Box::new(warning.clone()) })
        }
        None => Ok(()),
    }
}

impl ScopeSummary {
    fn of(policy: &Policy) -> Self {
        Self {
            forbids: policy.effect() == Effect::Forbid,
            principal: match policy.principal_constraint() {
                PrincipalConstraint::Any => "principal".to_owned(),
                PrincipalConstraint::In(uid) => format!("principal in {uid}"),
                PrincipalConstraint::Eq(uid) => format!("principal == {uid}"),
                PrincipalConstraint::Is(kind) => format!("principal is {kind}"),
                PrincipalConstraint::IsIn(kind, uid) => format!("principal is {kind} in {uid}"),
            },
            action: match policy.action_constraint() {
                ActionConstraint::Any => "action".to_owned(),
                ActionConstraint::Eq(uid) => format!("action == {uid}"),
                ActionConstraint::In(uids) => format!("action in [{}]", list(&uids)),
            },
            resource: match policy.resource_constraint() {
                ResourceConstraint::Any => "resource".to_owned(),
                ResourceConstraint::In(uid) => format!("resource in {uid}"),
                ResourceConstraint::Eq(uid) => format!("resource == {uid}"),
                ResourceConstraint::Is(kind) => format!("resource is {kind}"),
                ResourceConstraint::IsIn(kind, uid) => format!("resource is {kind} in {uid}"),
            },
            conditional: policy.has_non_scope_constraint(),
        }
    }
}

fn list(uids: &[EntityUid]) -> String {
    uids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
