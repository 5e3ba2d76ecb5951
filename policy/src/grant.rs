//! SQL grants as Cedar policies.

use std::fmt;

use cedar_policy::EntityId;
use serde::{Deserialize, Serialize};
use sluice_model::{Domain, Principal, PrincipalKind, TableAction, Tag, TagAction};

use crate::vocabulary::Kind;

/// `GRANT action ON object TO principal [IN DOMAIN domain]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GrantSpec {
    /// Who is granted it. A group stands for everyone in it.
    pub principal: Principal,
    /// What is granted, together with everything that it implies.
    pub action: GrantAction,
    /// On what, together with everything that lies in it.
    pub object: GrantObject,
    /// The domain that a session must run in for the grant to count; `None` for any.
    pub domain: Option<Domain>,
}

/// What a grant lets do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum GrantAction {
    /// An action on a tag.
    Tag(TagAction),
    /// An action on a schema or a table.
    Table(TableAction),
}

impl GrantAction {
    /// The word used in SQL and in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tag(action) => action.as_str(),
            Self::Table(action) => action.as_str(),
        }
    }
}

/// What a grant is on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum GrantObject {
    /// A tag and the tags under it.
    Tag(Tag),
    /// A schema and its tables.
    Schema {
        /// The catalog's identity of the schema.
        id: String,
    },
    /// A table or view.
    Table {
        /// The catalog's identity of the table.
        id: String,
    },
}

impl GrantSpec {
    /// The policy that says the same. Any name is safe in it. A grant whose action does not apply to its object gives a
    /// policy that never matches.
    pub fn to_cedar(&self) -> String {
        let holder = Literal(Kind::from(self.principal.kind).as_str(), &self.principal.name);
        let principal = match self.principal.kind {
            PrincipalKind::Group => format!("principal in {holder}"),
            PrincipalKind::User | PrincipalKind::Service => format!("principal == {holder}"),
        };
        let action = Literal("Action", self.action.as_str());
        let resource = match &self.object {
            GrantObject::Tag(tag) => format!("resource in {}", Literal(Kind::Tag.as_str(), tag.as_str())),
            GrantObject::Schema { id } => format!("resource in {}", Literal(Kind::Schema.as_str(), id)),
            GrantObject::Table { id } => format!("resource == {}", Literal(Kind::Table.as_str(), id)),
        };
        let condition = self.domain.map(|domain| format!(" when {{ context.domain == \"{domain}\" }}"));
        format!("permit({principal}, action in {action}, {resource}){};", condition.unwrap_or_default())
    }
}

/// An entity, in the very text that an `EntityUid` prints, escapes included, and that takes a parsed type name to make.
struct Literal<'a>(&'static str, &'a str);

impl fmt::Display for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::\"{}\"", self.0, EntityId::new(self.1).escaped())
    }
}
