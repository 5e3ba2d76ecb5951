//! Putting requests to Cedar.

use std::error::Error;

use cedar_policy::{Context, Entities, Entity, EntityUid, PolicySet, Request, RestrictedExpression};
use sluice_model::Subject;

use crate::{
    Authorizer, Decision,
    index::{Place, PolicyNumber},
    inputs::{Attribute, Fact, Facts, Inputs},
    request::{Action, Resource},
    vocabulary::{Kind, Vocabulary},
};

/// Policies whose scopes match the same requests.
#[derive(Debug)]
pub(crate) struct Slice {
    /// Tells the slices of one memory apart.
    pub(crate) number: usize,
    /// What the conditions of any of them look at.
    pub(crate) inputs: Inputs,
    policies: PolicySet,
}

impl Slice {
    pub(crate) fn new(number: usize, authorizer: &Authorizer, policies: &[PolicyNumber]) -> Self {
        let indexed = || policies.iter().map(|number| authorizer.index().policy(*number));
        let inputs = indexed().fold(Inputs::default(), |inputs, indexed| inputs.union(indexed.inputs));
        // INVARIANT: an authorizer's policies are static and their ids differ, so the set takes them all. It would be
        // empty otherwise, and deny.
        let policies = PolicySet::from_policies(indexed().map(|indexed| indexed.policy.clone())).unwrap_or_default();
        Self { number, inputs, policies }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }
}

/// Evaluates policies on behalf of one subject.
#[derive(Debug)]
pub(crate) struct Evaluator<'a> {
    vocabulary: &'a Vocabulary,
    subject: &'a Subject,
    cedar: cedar_policy::Authorizer,
    principal: EntityUid,
    /// Where scopes may name the principal.
    pub(crate) place: Place,
    /// The store with the principal alone; `None` denies everything.
    entities: Option<Entities>,
}

impl<'a> Evaluator<'a> {
    pub(crate) fn new(authorizer: &'a Authorizer, subject: &'a Subject) -> Self {
        let vocabulary = authorizer.vocabulary();
        let name = &*subject.principal.name;
        let principal = vocabulary.uid(Kind::from(subject.principal.kind), name);
        // Every group at whatever distance is a parent, so the store needs no groups.
        let groups: Vec<_> = subject.groups.iter().map(|group| vocabulary.uid(Kind::Group, group)).collect();
        let place = authorizer.index().place(&principal, &groups);
        let groups = groups.into_iter().collect();
        let attributes = [("name".to_owned(), RestrictedExpression::new_string(name.to_owned()))].into();
        let entities = Entity::new(principal.clone(), attributes, groups)
            .ok()
            .and_then(|entity| Entities::from_entities([entity], None).ok());
        Self { vocabulary, subject, cedar: cedar_policy::Authorizer::new(), principal, place, entities }
    }

    /// What the policies of `slice` decide about a request of which they look at `facts`.
    pub(crate) fn decide(&self, slice: &Slice, action: Action, resource: &Resource<'_>, facts: &Facts<'_>) -> Decision {
        self.ask(slice, action, resource, facts).unwrap_or_else(|_| Decision::failed())
    }

    /// Puts a request to Cedar that holds the facts, and nothing else in which the requests of a statement differ but
    /// the identity of the resource.
    fn ask(
        &self,
        slice: &Slice,
        action: Action,
        resource: &Resource<'_>,
        facts: &Facts<'_>,
    ) -> Result<Decision, Box<dyn Error>> {
        let action = self.vocabulary.action(action);
        let uid = self.vocabulary.uid(resource.kind(), resource.id());
        let owner = facts.get(Attribute::Owner).map(|owner| ("owner".to_owned(), expression(owner)));
        let parents = resource.ancestors(self.vocabulary).into_iter().collect();
        let entity = Entity::new(uid.clone(), owner.into_iter().collect(), parents)?;
        let entities = self.entities.clone().ok_or("the principal is not an entity")?;
        let entities = entities.add_entities([action.clone(), entity], None)?;
        let context = self.context(slice.inputs, facts)?;
        let request = Request::new(self.principal.clone(), action.uid(), uid, context, None)?;
        Ok(Decision::from(&self.cedar.is_authorized(&request, &slice.policies, &entities)))
    }

    fn context(&self, inputs: Inputs, facts: &Facts<'_>) -> Result<Context, Box<dyn Error>> {
        let session = [(Attribute::Domain, self.subject.domain.as_str()), (Attribute::Purpose, &*self.subject.purpose)]
            .into_iter()
            .filter(|(attribute, _)| inputs.contains(*attribute))
            .map(|(attribute, text)| (attribute, RestrictedExpression::new_string(text.to_owned())));
        let values = facts.iter().map(|(attribute, fact)| (attribute, expression(fact))).chain(session);
        let named = values.filter_map(|(attribute, value)| Some((attribute.context_name()?.to_owned(), value)));
        Ok(Context::from_pairs(named)?)
    }
}

fn expression(fact: &Fact<'_>) -> RestrictedExpression {
    match fact {
        Fact::Text(text) => RestrictedExpression::new_string(text.clone().into_owned()),
        Fact::Flag(flag) => RestrictedExpression::new_bool(*flag),
    }
}
