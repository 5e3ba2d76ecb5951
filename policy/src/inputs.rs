//! What a policy's conditions look at.
//!
//! Two requests that fall into the same slice and agree on everything that its policies look at get the same
//! decision, so it is made once. The evaluation is given nothing but what is counted here: were something missed, the
//! policy would fail to evaluate, and the request be denied.

use std::borrow::Cow;

use cedar_policy::Policy;
use serde_json::Value;

/// Something about a request that a policy may look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attribute {
    Column,
    Table,
    Schema,
    Sink,
    ObjectDomain,
    ApprovedForExperiment,
    ApprovedPipeline,
    Owner,
    /// The resource itself: its identity, its ancestors.
    Resource,
    Domain,
    Purpose,
}

impl Attribute {
    /// Those that differ between the requests of one statement, in the order of their numbers.
    pub(crate) const VARYING: [Self; 9] = [
        Self::Column,
        Self::Table,
        Self::Schema,
        Self::Sink,
        Self::ObjectDomain,
        Self::ApprovedForExperiment,
        Self::ApprovedPipeline,
        Self::Owner,
        Self::Resource,
    ];

    /// The attribute's name in the context; `None` where it is not in the context.
    pub(crate) fn context_name(self) -> Option<&'static str> {
        match self {
            Self::Column => Some("column"),
            Self::Table => Some("table"),
            Self::Schema => Some("schema"),
            Self::Sink => Some("sink"),
            Self::ObjectDomain => Some("object_domain"),
            Self::ApprovedForExperiment => Some("approved_for_experiment"),
            Self::ApprovedPipeline => Some("approved_pipeline"),
            Self::Domain => Some("domain"),
            Self::Purpose => Some("purpose"),
            Self::Owner | Self::Resource => None,
        }
    }

    fn all() -> impl Iterator<Item = Self> {
        Self::VARYING.into_iter().chain([Self::Domain, Self::Purpose])
    }
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Fact<'a> {
    Text(Cow<'a, str>),
    Flag(bool),
}

impl Fact<'_> {
    pub(crate) fn into_owned(self) -> Fact<'static> {
        match self {
            Self::Text(text) => Fact::Text(Cow::Owned(text.into_owned())),
            Self::Flag(flag) => Fact::Flag(flag),
        }
    }
}

/// A set of attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Inputs(u16);

impl Inputs {
    /// What the conditions of `policy` look at. Its scope is the index's to match, and is not counted.
    pub(crate) fn of(policy: &Policy) -> Self {
        let mut inputs = Self::default();
        if policy.has_non_scope_constraint() {
            match policy.to_json() {
                Ok(json) => inputs.walk(&json["conditions"]),
                Err(_) => Attribute::all().for_each(|attribute| inputs.insert(attribute)),
            }
        }
        inputs
    }

    pub(crate) fn contains(self, attribute: Attribute) -> bool {
        self.0 & (1 << attribute as u16) != 0
    }

    #[must_use]
    pub(crate) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether requests of one statement can differ in what is looked at.
    pub(crate) fn vary(self) -> bool {
        Attribute::VARYING.into_iter().any(|attribute| self.contains(attribute))
    }

    fn insert(&mut self, attribute: Attribute) {
        self.0 |= 1 << attribute as u16;
    }

    fn insert_resource(&mut self) {
        self.insert(Attribute::Resource);
        self.insert(Attribute::Owner);
    }

    fn walk(&mut self, json: &Value) {
        match json {
            Value::Object(fields) => fields.iter().for_each(|(key, inner)| self.walk_field(key, inner)),
            Value::Array(items) => items.iter().for_each(|item| self.walk(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn walk_field(&mut self, key: &str, inner: &Value) {
        match (key, inner) {
            ("." | "has", _) if let Some((variable, attribute)) = access(inner) => match (variable, attribute) {
                ("context", name) => Attribute::all()
                    .filter(|attribute| attribute.context_name() == Some(name))
                    .for_each(|attribute| self.insert(attribute)),
                ("resource", "owner") => self.insert(Attribute::Owner),
                (variable, _) => self.insert_variable(variable),
            },
            ("Var", Value::String(variable)) => self.insert_variable(variable),
            // A literal such as `Table::"1".owner` is looked up among the request's entities, where the resource is.
            ("__entity", literal) => {
                match literal["type"].as_str() {
                    Some("User" | "Service" | "Group" | "Action") => {}
                    _ => self.insert_resource(),
                }
                // It may as well be a field of that name in a record, with anything in it.
                self.walk(literal);
            }
            _ => self.walk(inner),
        }
    }

    /// Counts a variable that is used whole. The principal is the same throughout a statement, and requests with
    /// different actions never share a decision.
    fn insert_variable(&mut self, variable: &str) {
        match variable {
            "context" => {
                Attribute::all().filter(|attribute| attribute.context_name().is_some()).for_each(|a| self.insert(a));
            }
            "resource" => self.insert_resource(),
            _ => {}
        }
    }
}

/// The variable and the attribute in the JSON form of `variable.attribute` or `variable has attribute`.
fn access(json: &Value) -> Option<(&str, &str)> {
    Some((json.get("left")?.get("Var")?.as_str()?, json.get("attr")?.as_str()?))
}

/// The values of the varying attributes that are looked at.
// INVARIANT: compared only among requests of the same slice. Its inputs are fixed, so an absent value means the same
// in all of them: not looked at, or without a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Facts<'a>([Option<Fact<'a>>; Attribute::VARYING.len()]);

impl<'a> Facts<'a> {
    /// Asks `of` for the value of each varying attribute in `inputs`.
    pub(crate) fn project(inputs: Inputs, of: impl Fn(Attribute) -> Option<Fact<'a>>) -> Self {
        Self(Attribute::VARYING.map(|attribute| inputs.contains(attribute).then(|| of(attribute)).flatten()))
    }

    /// The attributes that have a value, with it.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Attribute, &Fact<'a>)> {
        Attribute::VARYING.into_iter().zip(&self.0).filter_map(|(attribute, fact)| Some((attribute, fact.as_ref()?)))
    }

    /// The value of `attribute`, if it is looked at and has one.
    pub(crate) fn get(&self, attribute: Attribute) -> Option<&Fact<'a>> {
        self.iter().find(|(present, _)| *present == attribute).map(|(_, fact)| fact)
    }

    pub(crate) fn into_owned(self) -> Facts<'static> {
        Facts(self.0.map(|fact| fact.map(Fact::into_owned)))
    }
}

#[cfg(test)]
mod tests {
    use Attribute::*;

    use super::*;

    fn check(conditions: &str, expected: &[Attribute]) {
        let policy = Policy::parse(None, format!("permit (principal, action, resource) {conditions};")).unwrap();
        let inputs = Inputs::of(&policy);
        let found: Vec<_> = Attribute::all().filter(|attribute| inputs.contains(*attribute)).collect();
        assert_eq!(found, expected, "{conditions}");
    }

    #[test]
    fn conditions_are_searched_for_what_they_look_at() {
        let whole_context =
            [Column, Table, Schema, Sink, ObjectDomain, ApprovedForExperiment, ApprovedPipeline, Domain, Purpose];
        check("", &[]);
        check("when { principal.name == \"a\" && action == Action::\"READ\" }", &[]);
        check("when { context.column == \"a\" }", &[Column]);
        check("unless { [context.sink].contains(\"a\") } when { context has purpose }", &[Sink, Purpose]);
        check("when { context == {column: \"a\"} }", &whole_context);
        check("when { (if true then context else context).column like \"*\" }", &whole_context);
        check("when { context[\"domain\"] == \"x\" }", &[Domain]);
        check("when { {Var: \"context\", left: 1} == {Var: \"context\", left: 1} }", &[]);
        check("when { resource has owner && resource.owner == principal.name }", &[Owner]);
        // Fields of records that are called as the JSON form calls its own.
        check("when { {Var: resource.owner, \".\": context.sink, value: {left: 1}} has Var }", &[Sink, Owner]);
        let everything: Vec<_> = Attribute::all().collect();
        check("when { {\"__entity\": context}[\"__entity\"] has column }", &everything);
        check("when { resource == principal }", &[Owner, Resource]);
        check("when { Table::\"1\".owner == \"a\" }", &[Owner, Resource]);
        check("when { resource is Table }", &[Owner, Resource]);
    }
}
