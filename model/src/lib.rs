//! The nouns that every part of Sluice shares.
//!
//! This crate stands at the bottom of the workspace: names, tags, labels, principals, domains, actions and
//! digests, as plain values. The stages that turn SQL into governed results
//! (`parse ▸ bind ▸ label ▸ authorize ▸ enforce ▸ run`) live above it and speak in these words.
//!
//! # Guarantees
//!
//! - A value that exists is valid: a [`Tag`] is well formed, a [`TableName`] is resolved to one spelling.
//! - [`Label`]s form a join-semilattice under [`Label::join`]: commutative, associative, idempotent.
//!
//! # Non-guarantees
//!
//! - Nothing here says whether a name exists or who may see it; that is the catalog's and the policy's to know.
//!
//! ```
//! use sluice_model::{Element, Elements, Label, Origin, TableName, Tag};
//!
//! let mut elements = Elements::default();
//! let users = TableName::new("crm", "users");
//! let email = elements
//!     .intern(&Element { tag: Tag::parse("pii.email")?, origin: Origin::column(&users, "email") });
//! let name = elements
//!     .intern(&Element { tag: Tag::parse("pii.name")?, origin: Origin::column(&users, "name") });
//!
//! let label = Label::from_iter([email]).joined(&Label::from_iter([name]));
//! assert_eq!(label.len(), 2);
//! assert!(elements.get(email).tag.is_under(&Tag::parse("pii")?));
//! # Ok::<(), sluice_model::TagError>(())
//! ```

mod action;
mod class;
mod digest;
mod domain;
mod flow;
mod label;
mod name;
mod principal;
mod tag;

pub use action::{TableAction, TagAction};
pub use class::ErrorClass;
pub use digest::Digest;
pub use domain::Domain;
pub use flow::{Flow, TagSource};
pub use label::{Element, ElementId, Elements, Label, Origin};
pub use name::{ColumnName, SchemaName, TableName, quote_identifier};
pub use principal::{Principal, PrincipalKind, Subject};
pub use tag::{IndirectRule, Tag, TagError};
