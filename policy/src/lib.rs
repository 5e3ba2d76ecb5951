//! Who may do what: the one decision procedure of Sluice.
//!
//! A statement's tables and tags are turned into requests, and every request is decided by [Cedar](cedar_policy)
//! policies: the built-in ones, the grants that people made in SQL ([`GrantSpec::to_cedar`]), and the policies that
//! people wrote in Cedar ([`validate`]). The catalog stores them as [`PolicyText`], an [`Authorizer`] holds them
//! parsed, and a statement asks through [`Decisions`]. In the flow
//! `parse ▸ bind ▸ label ▸ authorize ▸ enforce ▸ run`, binding and authorizing ask, and nothing else decides.
//!
//! # Guarantees
//!
//! - **Default deny.** A request that nothing matches is denied; a forbid beats every permit; a policy that cannot be
//!   evaluated denies the request that it concerns.
//! - **All or nothing.** If one stored policy cannot be read there is no authorizer.
//! - **Same answer, less work.** A request is given only the policies whose scope matches it, and is put to Cedar only
//!   if it differs from earlier ones in something that those policies look at. The decision and the policies that
//!   determined it are those of the whole set. The cost does not grow with the policies that a request does not
//!   concern.
//! - **Names cannot escape.** Whatever a principal or an object is called, the policy of a grant on it is about
//!   exactly that principal and that object.
//!
//! # Non-guarantees
//!
//! - Whether an object exists, who belongs to which group, and who owns what is taken from the caller.
//! - Policies see the groups of the principal and what the resource lies in. A condition about other entities, such
//!   as `Group::"a" in Group::"b"`, finds nothing about them.
//! - How many requests are put to Cedar is not promised: answers are remembered, also from one statement to the next,
//!   as long as there is room.
//!
//! ```
//! use sluice_model::{Domain, Origin, Principal, PrincipalKind, Subject, TableName, Tag, TagAction};
//! use sluice_policy::{Authorizer, Decisions, GrantAction, GrantObject, GrantSpec, PolicyText, Sink, TagContext};
//!
//! let grant = GrantSpec {
//!     principal: Principal::new(PrincipalKind::Group, "analysts"),
//!     action: GrantAction::Tag(TagAction::Use),
//!     object: GrantObject::Tag(Tag::parse("pii")?),
//!     domain: Some(Domain::Experiment),
//! };
//! let authorizer = Authorizer::new([PolicyText { id: "grant.1".to_owned(), text: grant.to_cedar() }])?;
//!
//! let alice = Subject {
//!     principal: Principal::new(PrincipalKind::User, "alice"),
//!     groups: vec!["analysts".into(), Subject::EVERYONE.into()],
//!     domain: Domain::Experiment,
//!     purpose: "".into(),
//! };
//! let email = Tag::parse("pii.email")?;
//! let origin = Origin::column(&TableName::new("crm", "users"), "email");
//! let ctx = TagContext { origin: &origin, sink: Sink::Principal };
//!
//! let mut decisions = Decisions::new(&authorizer, &alice);
//! assert_eq!(decisions.tag(TagAction::Use, &email, &ctx).policies, ["grant.1"]);
//! assert!(!decisions.tag(TagAction::Read, &email, &ctx).is_allowed());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod authorizer;
mod check;
mod decision;
mod decisions;
mod error;
mod evaluator;
mod grant;
mod index;
mod inputs;
mod memory;
mod request;
mod vocabulary;

#[cfg(test)]
mod tests;

pub use authorizer::{Authorizer, PolicyText};
pub use check::{ScopeSummary, validate};
pub use decision::{Decision, Outcome};
pub use decisions::Decisions;
pub use error::{PolicyError, Position};
pub use grant::{GrantAction, GrantObject, GrantSpec};
pub use request::{SchemaResource, Sink, TableResource, TagContext};
