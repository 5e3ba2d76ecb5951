//! Errors for programs.

use serde_json::{Map, Value, json};
use sluice_planner::{ColumnOrRows, Denial, DenialKind};

use super::{causes, place};
use crate::failure::{Excerpt, Failure};

/// One object for `failure`. What holds of its first refusal stands at the top, every refusal under `denials`.
pub(super) fn object(failure: &Failure) -> Value {
    let error = &failure.error;
    let excerpt = failure.excerpt.as_ref();
    let denials: Vec<_> = error.denials().iter().map(|denial| refusal(denial, excerpt)).collect();
    let mut object = denials.first().cloned().unwrap_or_else(|| {
        let mut object = Map::new();
        object.insert("message".to_owned(), error.to_string().into());
        object.insert("hint".to_owned(), error.hint().into());
        let at = excerpt.and_then(|excerpt| Some((excerpt, place(error, excerpt)?)));
        if let Some((excerpt, place)) = at {
            locate(&mut object, excerpt, place.start);
        }
        object
    });
    object.insert("code".to_owned(), error.class().code().into());
    let causes = causes(error);
    if !causes.is_empty() {
        object.insert("causes".to_owned(), causes.into());
    }
    if !denials.is_empty() {
        object.insert("denials".to_owned(), denials.into_iter().map(Value::Object).collect());
    }
    Value::Object(object)
}

fn refusal(denial: &Denial, excerpt: Option<&Excerpt>) -> Map<String, Value> {
    let (column, object, tag, action) = match &denial.kind {
        DenialKind::Tag { column: ColumnOrRows::Column(column), tag, action, .. } => {
            (Some(column.to_string()), None, Some(tag.to_string()), Some(action.as_str()))
        }
        DenialKind::Tag { column: ColumnOrRows::Rows(table) | ColumnOrRows::Hidden(table), tag, action, .. } => {
            (None, Some(table.to_string()), Some(tag.to_string()), Some(action.as_str()))
        }
        DenialKind::Object { object, action, .. } => (None, Some(object.clone()), None, Some(action.as_str())),
        DenialKind::Column { column, tag } => (Some(column.to_string()), None, Some(tag.to_string()), None),
        DenialKind::Administer => (None, None, None, None),
    };
    let fields = [
        ("message", json!(denial.to_string())),
        ("principal", json!(denial.principal)),
        ("column", json!(column)),
        ("object", json!(object)),
        ("tag", json!(tag)),
        ("action", json!(action)),
        ("path", json!(denial.path)),
        ("policies", json!(denial.policies)),
        ("hint", json!(denial.hint)),
    ];
    let mut refusal: Map<_, _> = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    if let Some(excerpt) = excerpt {
        let place = place::denied(denial, &excerpt.script.text, &excerpt.statement);
        locate(&mut refusal, excerpt, place.start);
    }
    refusal
}

fn locate(object: &mut Map<String, Value>, excerpt: &Excerpt, offset: usize) {
    let (line, column) = place::line_column(&excerpt.script.text, offset);
    object.insert("line".to_owned(), line.into());
    object.insert("column_number".to_owned(), column.into());
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use sluice_engine::EngineError;
    use sluice_planner::parse;

    use super::*;
    use crate::{failure::Script, report::draw::tests::refused};

    fn check(failure: &Failure, expected: Expect) {
        expected.assert_eq(&serde_json::to_string_pretty(&object(failure)).unwrap_or_default());
    }

    #[test]
    fn a_refusal_names_column_tag_and_action() {
        check(&refused("SELECT race, sex FROM census.adult", &["race", "sex"]), expect![[""]]);
    }

    #[test]
    fn any_other_error_names_its_code_and_place() {
        let text = "SELECT 1;\nSELEC 2";
        let Err(error) = parse::parse(text) else { panic!("it was read") };
        check(&Failure::within(EngineError::from(error), &Script::typed(text), 0..text.len()), expect![[""]]);
    }
}
