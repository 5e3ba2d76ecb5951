use sluice_model::ErrorClass;

use super::*;

/// The texts of the error and of its source.
fn refusal(text: &str) -> (String, String) {
    let error = validate(text).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Caller, "{text}");
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    (error.to_string(), source)
}

#[test]
fn a_policy_that_fits_is_summarized() {
    let text = r#"forbid (principal in Group::"night", action in [Action::"READ", Action::"OFFLOAD"], resource)
        unless { context.sink == "table" };"#;
    let expected = ScopeSummary {
        forbids: true,
        principal: r#"principal in Group::"night""#.to_owned(),
        action: r#"action in [Action::"READ", Action::"OFFLOAD"]"#.to_owned(),
        resource: "resource".to_owned(),
        conditional: true,
    };
    assert_eq!(validate(text).unwrap(), expected);
}

#[test]
fn an_unknown_attribute_is_refused_with_its_place() {
    let (error, source) =
        refusal("permit (principal, action == Action::\"READ\", resource)\nwhen { context.colour == \"red\" };");
    assert_eq!(error, "the policy does not fit the schema at line 2, column 8");
    assert!(source.contains("`colour`"), "{source}");
}

#[test]
fn what_does_not_exist_or_does_not_compare_is_refused() {
    for text in [
        r#"permit (principal in Robot::"r2", action, resource);"#,
        r#"permit (principal, action == Action::"DESTROY", resource);"#,
        r#"permit (principal, action == Action::"READ", resource) when { context.column == 1 };"#,
        r#"permit (principal, action == Action::"READ", resource) when { context.approved_pipeline };"#,
        r#"permit (principal, action == Action::"SELECT", resource) when { resource.owner == "alice" };"#,
        r#"permit (principal, action, resource == Installation::"that");"#,
        r#"permit (principal, action, resource) when { context.column == "email" };"#,
    ] {
        assert!(matches!(validate(text), Err(PolicyError::Mistyped { .. })), "{text}: {:?}", validate(text));
    }
}

#[test]
fn a_policy_that_can_never_apply_is_refused() {
    for text in [
        r#"forbid (principal, action == Action::"READ", resource == Table::"1");"#,
        r#"forbid (principal in Tag::"pii", action, resource);"#,
        r#"forbid (principal, action == Action::"SELECT", resource) when { false };"#,
    ] {
        assert!(matches!(validate(text), Err(PolicyError::Impossible { .. })), "{text}: {:?}", validate(text));
    }
}

#[test]
fn a_text_that_is_not_one_policy_is_refused() {
    let policy = "permit (principal, action, resource);";
    assert_eq!(refusal("").0, "expected exactly one policy without slots, found 0 and 0 templates");
    assert_eq!(
        refusal(&format!("{policy} {policy}")).0,
        "expected exactly one policy without slots, found 2 and 0 templates"
    );
    assert_eq!(
        refusal("permit (principal in ?principal, action, resource);").0,
        "expected exactly one policy without slots, found 0 and 1 templates"
    );
    let (error, source) = refusal("permit (principal, action,\n  resource) whenever { true };");
    assert_eq!(error, "the policy is not well formed at line 2, column 13");
    assert!(!source.is_empty());
}
