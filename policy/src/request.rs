//! What is asked: an action, a resource, and the circumstances that policies may look at.

use std::borrow::Cow;

use cedar_policy::EntityUid;
use sluice_model::{Domain, Origin, TableAction, Tag, TagAction};

use crate::{
    inputs::{Attribute, Fact},
    vocabulary::{Kind, Vocabulary},
};

/// A table or view as policies see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TableResource<'a> {
    /// The catalog's identity of the table, which outlives its name.
    pub id: &'a str,
    /// The catalog's identity of the schema that it is in.
    pub schema_id: &'a str,
    /// The name of the principal that owns it.
    pub owner: Option<&'a str>,
    /// The domain of its schema.
    pub domain: Domain,
    /// Whether it has been approved for experiments.
    pub approved_for_experiment: bool,
    /// Whether the statement runs in a pipeline whose file digest has been approved.
    pub approved_pipeline: bool,
}

/// A schema as policies see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SchemaResource<'a> {
    /// The catalog's identity of the schema, which outlives its name.
    pub id: &'a str,
    /// The domain that it belongs to.
    pub domain: Domain,
    /// Whether the statement runs in a pipeline whose file digest has been approved.
    pub approved_pipeline: bool,
}

/// Where a tagged value is about to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sink {
    /// To whoever asked.
    Principal,
    /// Into a governed table.
    Table,
    /// To a remote executor.
    Executor,
}

impl Sink {
    /// The word used in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Principal => "principal",
            Self::Table => "table",
            Self::Executor => "executor",
        }
    }
}

/// The circumstances of a decision about a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TagContext<'a> {
    /// Where the tag first came from.
    pub origin: &'a Origin,
    /// Where the value is about to go.
    pub sink: Sink,
}

/// Every action that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    Tag(TagAction),
    Table(TableAction),
    Administer,
}

impl Action {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: [Self; 12] = [
        Self::Tag(TagAction::Read),
        Self::Tag(TagAction::Use),
        Self::Tag(TagAction::Process),
        Self::Tag(TagAction::Offload),
        Self::Tag(TagAction::Classify),
        Self::Table(TableAction::See),
        Self::Table(TableAction::Select),
        Self::Table(TableAction::Insert),
        Self::Table(TableAction::Modify),
        Self::Table(TableAction::Create),
        Self::Table(TableAction::Own),
        Self::Administer,
    ];

    /// The position in [`Self::ALL`].
    pub(crate) fn number(self) -> usize {
        match self {
            Self::Tag(action) => action as usize,
            Self::Table(action) => TagAction::ALL.len() + action as usize,
            Self::Administer => Self::ALL.len() - 1,
        }
    }

    /// The word used in policies.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Tag(action) => action.as_str(),
            Self::Table(action) => action.as_str(),
            Self::Administer => "ADMINISTER",
        }
    }
}

/// What an action is asked on, with what is particular to that one request. What holds for the whole statement, the
/// session's domain and the purpose, is not here.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Resource<'a> {
    Tag(&'a Tag, TagContext<'a>),
    Table(TableResource<'a>),
    Schema(SchemaResource<'a>),
    Installation,
}

impl<'a> Resource<'a> {
    /// The id of the entity that stands for it.
    pub(crate) fn id(&self) -> &'a str {
        match self {
            Self::Tag(tag, _) => tag.as_str(),
            Self::Table(table) => table.id,
            Self::Schema(schema) => schema.id,
            Self::Installation => "this",
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Tag(..) => Kind::Tag,
            Self::Table(_) => Kind::Table,
            Self::Schema(_) => Kind::Schema,
            Self::Installation => Kind::Installation,
        }
    }

    /// Everything that it lies in, at whatever distance.
    pub(crate) fn ancestors(&self, vocabulary: &Vocabulary) -> Vec<EntityUid> {
        match self {
            Self::Tag(tag, _) => tag.ancestors().map(|above| vocabulary.uid(Kind::Tag, above.as_str())).collect(),
            Self::Table(table) => vec![vocabulary.uid(Kind::Schema, table.schema_id)],
            Self::Schema(_) | Self::Installation => Vec::new(),
        }
    }

    /// What it has to say about `attribute`, if anything. What it is and lies in is said by its id and its ancestors.
    pub(crate) fn fact(&self, attribute: Attribute) -> Option<Fact<'a>> {
        match self {
            Self::Tag(_, ctx) => tag_fact(ctx, attribute),
            Self::Table(table) => match attribute {
                Attribute::Owner => table.owner.map(|owner| Fact::Text(Cow::Borrowed(owner))),
                Attribute::ApprovedForExperiment => Some(Fact::Flag(table.approved_for_experiment)),
                _ => object_fact(table.domain, table.approved_pipeline, attribute),
            },
            Self::Schema(schema) => match attribute {
                Attribute::ApprovedForExperiment => Some(Fact::Flag(false)),
                _ => object_fact(schema.domain, schema.approved_pipeline, attribute),
            },
            Self::Installation => None,
        }
    }
}

fn tag_fact<'a>(ctx: &TagContext<'a>, attribute: Attribute) -> Option<Fact<'a>> {
    let text = match attribute {
        Attribute::Column => ctx.origin.column.as_deref().unwrap_or(""),
        Attribute::Table => &ctx.origin.table.table,
        Attribute::Schema => ctx.origin.table.schema.as_str(),
        Attribute::Sink => ctx.sink.as_str(),
        _ => return None,
    };
    Some(Fact::Text(Cow::Borrowed(text)))
}

fn object_fact<'a>(domain: Domain, approved_pipeline: bool, attribute: Attribute) -> Option<Fact<'a>> {
    match attribute {
        Attribute::ObjectDomain => Some(Fact::Text(Cow::Borrowed(domain.as_str()))),
        Attribute::ApprovedPipeline => Some(Fact::Flag(approved_pipeline)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_numbered_by_their_position() {
        for (position, action) in Action::ALL.into_iter().enumerate() {
            assert_eq!(action.number(), position, "{action:?}");
        }
    }
}
