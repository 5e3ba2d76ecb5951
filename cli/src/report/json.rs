//! Errors for programs.

use serde_json::{Map, Value, json};
use sluice_model::TagAction;
use sluice_planner::{ColumnOrRows, Denial, DenialKind};

use super::{
    place,
    problem::{Problem, problems},
};
use crate::failure::Failure;

/// One object for `failure`. What holds of the first thing that is wrong stands at the top; every refusal is under
/// `denials`, and where several other things are wrong, each is under `errors`.
pub(super) fn object(failure: &Failure) -> Value {
    let class = failure.error.class();
    let (denials, others): (Vec<_>, Vec<_>) =
        problems(failure).into_iter().partition(|problem| problem.denial.is_some());
    let foremost = denials.iter().chain(&others).find(|problem| problem.class == class).or(others.first());
    let mut object = foremost.map(one).unwrap_or_default();
    object.insert("code".to_owned(), class.code().into());
    if !denials.is_empty() {
        object.insert("denials".to_owned(), denials.iter().map(one).map(Value::Object).collect());
    }
    if others.len() > 1 || (!others.is_empty() && !denials.is_empty()) {
        object.insert("errors".to_owned(), others.iter().map(one).map(Value::Object).collect());
    }
    Value::Object(object)
}

fn one(problem: &Problem<'_>) -> Map<String, Value> {
    let mut object = Map::new();
    let mut insert = |name: &str, value: Value| object.insert(name.to_owned(), value);
    insert("code", problem.class.code().into());
    insert("message", problem.message.as_str().into());
    if let Some(stage) = problem.stage {
        insert("stage", stage.as_ref().into());
    }
    if let Some(denial) = problem.denial {
        for (name, value) in refused(denial) {
            insert(name, value);
        }
    }
    if !problem.causes.is_empty() {
        insert("causes", problem.causes.clone().into());
    }
    insert("hint", problem.hint.clone().into());
    if let Some((script, place)) = &problem.place {
        let (line, column) = place::line_column(&script.text, place.start);
        insert("file", script.name.as_deref().into());
        insert("line", line.into());
        insert("column_number", column.into());
    }
    object
}

fn refused(denial: &Denial) -> [(&'static str, Value); 7] {
    let (column, object, tag, action) = match &denial.kind {
        DenialKind::Tag { column: ColumnOrRows::Column(column), tag, action, .. } => {
            (Some(column.to_string()), None, Some(tag.to_string()), Some(action.as_str()))
        }
        DenialKind::Tag { column: ColumnOrRows::Rows(table) | ColumnOrRows::Hidden(table), tag, action, .. } => {
            (None, Some(table.to_string()), Some(tag.to_string()), Some(action.as_str()))
        }
        DenialKind::Object { object, action, .. } => (None, Some(object.clone()), None, Some(action.as_str())),
        DenialKind::Column { column, tag } => (Some(column.to_string()), None, Some(tag.to_string()), None),
        DenialKind::Classify { tag } => (None, None, Some(tag.to_string()), Some(TagAction::Classify.as_str())),
        DenialKind::Administer => (None, None, None, None),
    };
    [
        ("principal", json!(denial.principal)),
        ("column", json!(column)),
        ("object", json!(object)),
        ("tag", json!(tag)),
        ("action", json!(action)),
        ("path", json!(denial.path)),
        ("policies", json!(denial.policies)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{misread, refused};

    #[test]
    fn a_refusal_names_column_tag_and_action_of_the_first_and_lists_all() {
        let refusal = |name: &str, column_number: u32| {
            json!({
                "code": "DENIED",
                "message": format!(
                    "column `census.adult.{name}` carries `special_category.{name}`, and `ana` has no READ on it"
                ),
                "principal": "ana",
                "column": format!("census.adult.{name}"),
                "object": null,
                "tag": format!("special_category.{name}"),
                "action": "READ",
                "path": [format!("census.adult.{name}"), format!("result column {name}")],
                "policies": [],
                "hint": "leave it out",
                "file": null,
                "line": 1,
                "column_number": column_number,
            })
        };
        let mut expected = refusal("race", 8);
        expected["denials"] = json!([refusal("race", 8), refusal("sex", 14)]);
        assert_eq!(object(&refused("SELECT race, sex FROM census.adult", &["race", "sex"])), expected);
    }

    #[test]
    fn any_other_error_names_its_code_and_place() {
        let object = object(&misread("SELECT 1;\nSELECT race FROM"));
        let expected = json!({
            "code": "INVALID",
            "message": "expected identifier, found the end",
            "hint": null,
            "file": "queries.sql",
            "line": 2,
            "column_number": 17,
        });
        assert_eq!(object, expected);
    }
}
