//! The words of the Cedar schema, ready for use.

use std::{collections::HashMap, error::Error};

use cedar_policy::{
    CedarSchemaError, Entities, Entity, EntityId, EntityTypeName, EntityUid, Policy, PolicyId, PolicySet, Schema,
};
use sluice_model::PrincipalKind;

use crate::{PolicyError, request::Action};

const SCHEMA: &str = include_str!("schema.cedarschema");
const BUILT_IN: &str = include_str!("builtin.cedar");

/// The entity types that appear in requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    User,
    Service,
    Group,
    Tag,
    Schema,
    Table,
    Installation,
}

impl Kind {
    const ALL: [Self; 7] =
        [Self::User, Self::Service, Self::Group, Self::Tag, Self::Schema, Self::Table, Self::Installation];

    /// The word used in policies.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Service => "Service",
            Self::Group => "Group",
            Self::Tag => "Tag",
            Self::Schema => "Schema",
            Self::Table => "Table",
            Self::Installation => "Installation",
        }
    }
}

impl From<PrincipalKind> for Kind {
    fn from(kind: PrincipalKind) -> Self {
        match kind {
            PrincipalKind::User => Self::User,
            PrincipalKind::Service => Self::Service,
            PrincipalKind::Group => Self::Group,
        }
    }
}

/// The parsed schema.
pub(crate) fn schema() -> Result<Schema, PolicyError> {
    let (schema, _) = Schema::from_cedarschema_str(SCHEMA).map_err(|error: CedarSchemaError| broken(error))?;
    Ok(schema)
}

/// The policies that hold everywhere, each under the id that its annotation gives.
pub(crate) fn built_in() -> Result<Vec<Policy>, PolicyError> {
    let policies: PolicySet = BUILT_IN.parse().map_err(broken)?;
    policies
        .policies()
        .map(|policy| {
            let id = policy.annotation("id").ok_or_else(|| broken("a built-in policy has no `@id`"))?;
            Ok(policy.new_id(PolicyId::new(id)))
        })
        .collect()
}

/// Entity types and actions.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    // Both in the order of `Kind::ALL` and `Action::ALL`.
    kinds: Vec<EntityTypeName>,
    actions: Vec<Entity>,
    hierarchy: Entities,
}

impl Vocabulary {
    pub(crate) fn new() -> Result<Self, PolicyError> {
        let kinds = Kind::ALL.iter().map(|kind| kind.as_str().parse().map_err(broken)).collect::<Result<_, _>>()?;
        let hierarchy = schema()?.action_entities().map_err(broken)?;
        let by_word: HashMap<_, _> = hierarchy.iter().map(|action| (action.uid().id().clone(), action)).collect();
        let actions = Action::ALL
            .iter()
            .map(|action| by_word.get(&EntityId::new(action.as_str())).map(|entity| (*entity).clone()))
            .collect::<Option<_>>()
            .ok_or_else(|| broken("the schema lacks an action"))?;
        Ok(Self { kinds, actions, hierarchy })
    }

    /// The entity of `kind` called `id`.
    pub(crate) fn uid(&self, kind: Kind, id: &str) -> EntityUid {
        EntityUid::from_type_name_and_id(self.kinds[kind as usize].clone(), EntityId::new(id))
    }

    /// The entity that stands for `action`, with the actions that imply it as its ancestors.
    pub(crate) fn action(&self, action: Action) -> &Entity {
        &self.actions[action.number()]
    }

    /// Whether `implied` is `action` or implied by it.
    pub(crate) fn implies(&self, action: &EntityUid, implied: Action) -> bool {
        let implied = self.action(implied).uid();
        *action == implied || self.hierarchy.is_ancestor_of(action, &implied)
    }
}

fn broken(error: impl Into<Box<dyn Error + Send + Sync>>) -> PolicyError {
    PolicyError::BuiltIn(error.into())
}

#[cfg(test)]
mod tests {
    use cedar_policy::{ValidationMode, Validator};

    use super::*;

    #[test]
    fn built_in_policies_fit_the_schema_without_a_warning() {
        let policies = PolicySet::from_policies(built_in().unwrap()).unwrap();
        let result = Validator::new(schema().unwrap()).validate(&policies, ValidationMode::Strict);
        assert!(result.validation_passed_without_warnings(), "{result}");
        assert!(Schema::from_cedarschema_str(SCHEMA).unwrap().1.next().is_none());
    }
}
