//! The decisions of one statement, each made once.

use std::{borrow::Cow, mem, sync::Arc};

use sluice_model::{Subject, TableAction, Tag, TagAction};

use crate::{
    Authorizer, Decision, SchemaResource, TableResource, TagContext,
    evaluator::{Evaluator, Slice},
    inputs::{Attribute, Facts},
    memory::Memory,
    request::{Action, Resource},
    vocabulary::Kind,
};

/// Asks the policies on behalf of one subject, and remembers the answers.
///
/// A request is put to Cedar only if no earlier one had the same action, fell into the same slice of policies, and
/// agreed with it on everything that those policies look at. So a table of many columns under one tag costs one
/// evaluation, unless a policy for that tag mentions the column; and so do many tables that are granted alike. What a
/// statement was answered is known to the next one of the same subject under the same authorizer.
#[derive(Debug)]
pub struct Decisions<'a> {
    authorizer: &'a Authorizer,
    subject: &'a Subject,
    memory: Memory,
    /// Made once something has to be asked.
    evaluator: Option<Evaluator<'a>>,
    asked: usize,
}

/// An action on an object, whatever the circumstances. It determines the slice.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Target<'k> {
    action: Action,
    kind: Kind,
    id: Cow<'k, str>,
    /// The schema of a table; empty otherwise.
    within: Cow<'k, str>,
}

/// What is known about a target.
#[derive(Debug)]
pub(crate) struct Known {
    slice: Arc<Slice>,
    /// The answer, where it does not depend on circumstances.
    always: Option<Arc<Decision>>,
}

/// What determines an answer.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question<'k> {
    slice: usize,
    action: Action,
    facts: Facts<'k>,
    /// The object and what it lies in, where that is looked at.
    target: Option<Target<'k>>,
}

impl<'a> Decisions<'a> {
    /// No decisions yet, on behalf of `subject`.
    pub fn new(authorizer: &'a Authorizer, subject: &'a Subject) -> Self {
        Self { authorizer, subject, memory: authorizer.memories().take(subject), evaluator: None, asked: 0 }
    }

    /// Whether the subject may do `action` with `table`.
    pub fn table(&mut self, action: TableAction, table: &TableResource<'_>) -> Arc<Decision> {
        self.decide(Action::Table(action), &Resource::Table(*table))
    }

    /// Whether the subject may do `action` with `schema`. An action that applies to tables alone is denied.
    pub fn schema(&mut self, action: TableAction, schema: &SchemaResource<'_>) -> Arc<Decision> {
        match action {
            TableAction::See | TableAction::Create | TableAction::Own => {
                self.decide(Action::Table(action), &Resource::Schema(*schema))
            }
            TableAction::Select | TableAction::Insert | TableAction::Modify => Arc::new(Decision::unmatched()),
        }
    }

    /// Whether the subject may do `action` with what carries `tag`, in the circumstances of `ctx`.
    pub fn tag(&mut self, action: TagAction, tag: &Tag, ctx: &TagContext<'_>) -> Arc<Decision> {
        self.decide(Action::Tag(action), &Resource::Tag(tag, *ctx))
    }

    /// Whether the subject may administer the installation.
    pub fn administer(&mut self) -> Arc<Decision> {
        self.decide(Action::Administer, &Resource::Installation)
    }

    /// How many requests were put to Cedar so far.
    pub fn asked(&self) -> usize {
        self.asked
    }

    fn decide(&mut self, action: Action, resource: &Resource<'_>) -> Arc<Decision> {
        let target = Target::of(action, resource);
        match self.memory.known.get(&target) {
            Some(Known { always: Some(decision), .. }) => Arc::clone(decision),
            Some(Known { always: None, slice }) => {
                let slice = Arc::clone(slice);
                self.answer(&slice, action, resource)
            }
            None => {
                let slice = self.slice(action, resource);
                let decision = self.answer(&slice, action, resource);
                let always = (!slice.inputs.vary()).then(|| Arc::clone(&decision));
                self.memory.known.insert(target.into_owned(), Known { slice, always });
                decision
            }
        }
    }

    /// The policies whose scope matches.
    fn slice(&mut self, action: Action, resource: &Resource<'_>) -> Arc<Slice> {
        let (vocabulary, index) = (self.authorizer.vocabulary(), self.authorizer.index());
        let uid = vocabulary.uid(resource.kind(), resource.id());
        let place = index.place(&uid, &resource.ancestors(vocabulary));
        let policies = index.slice(&self.evaluator().place, action, &place);
        let number = self.memory.slices.len();
        let slice = self.memory.slices.entry(policies);
        Arc::clone(slice.or_insert_with_key(|policies| Arc::new(Slice::new(number, self.authorizer, policies))))
    }

    fn answer(&mut self, slice: &Slice, action: Action, resource: &Resource<'_>) -> Arc<Decision> {
        let facts = Facts::project(slice.inputs, |attribute| resource.fact(attribute));
        let target = slice.inputs.contains(Attribute::Resource).then(|| Target::of(action, resource));
        let question = Question { slice: slice.number, action, facts, target };
        if let Some(decision) = self.memory.answers.get(&question) {
            return Arc::clone(decision);
        }
        let decision = Arc::new(if slice.is_empty() {
            Decision::unmatched()
        } else {
            self.asked += 1;
            self.evaluator().decide(slice, action, resource, &question.facts)
        });
        self.memory.failed |= decision.errors;
        self.memory.answers.insert(question.into_owned(), Arc::clone(&decision));
        decision
    }

    fn evaluator(&mut self) -> &Evaluator<'a> {
        self.evaluator.get_or_insert_with(|| Evaluator::new(self.authorizer, self.subject))
    }
}

impl Drop for Decisions<'_> {
    fn drop(&mut self) {
        self.authorizer.memories().keep(self.subject, mem::take(&mut self.memory));
    }
}

impl<'k> Target<'k> {
    fn of(action: Action, resource: &Resource<'k>) -> Self {
        let within = match resource {
            Resource::Table(table) => table.schema_id,
            Resource::Tag(..) | Resource::Schema(_) | Resource::Installation => "",
        };
        Self { action, kind: resource.kind(), id: Cow::Borrowed(resource.id()), within: Cow::Borrowed(within) }
    }

    fn into_owned(self) -> Target<'static> {
        let Self { action, kind, id, within } = self;
        Target { action, kind, id: Cow::Owned(id.into_owned()), within: Cow::Owned(within.into_owned()) }
    }
}

impl Question<'_> {
    fn into_owned(self) -> Question<'static> {
        let Self { slice, action, facts, target } = self;
        Question { slice, action, facts: facts.into_owned(), target: target.map(Target::into_owned) }
    }
}
