use std::fmt::Write;

use super::*;

/// What each mark in the matrix stands for.
const RULES: [(&str, &str); 5] = [
    ("R1", "domain.experiment_reads_unapproved_production"),
    ("R2", "domain.production_reads_experiment"),
    ("W1", "domain.experiment_writes_production"),
    ("W2", "domain.unapproved_production_write"),
    ("W3", "domain.production_writes_experiment"),
];

/// For somebody who is granted everything: in a session of the first domain, on a table of the second, approved for
/// experiments or not, in an approved pipeline or not, what each action gives: yes, or the rules that forbid it.
const MATRIX: &str = "\
session    object     approved pipeline | SEE SELECT INSERT MODIFY CREATE OWN
experiment experiment no       no       | yes yes    yes    yes    yes    yes
experiment experiment no       yes      | yes yes    yes    yes    yes    yes
experiment experiment yes      no       | yes yes    yes    yes    yes    yes
experiment experiment yes      yes      | yes yes    yes    yes    yes    yes
experiment production no       no       | yes R1     W1     W1     W1     yes
experiment production no       yes      | yes R1     W1     W1     W1     yes
experiment production yes      no       | yes yes    W1     W1     W1     yes
experiment production yes      yes      | yes yes    W1     W1     W1     yes
production experiment no       no       | yes R2     W3     W3     W3     yes
production experiment no       yes      | yes R2     W3     W3     W3     yes
production experiment yes      no       | yes R2     W3     W3     W3     yes
production experiment yes      yes      | yes R2     W3     W3     W3     yes
production production no       no       | yes yes    W2     W2     W2     yes
production production no       yes      | yes yes    yes    yes    yes    yes
production production yes      no       | yes yes    W2     W2     W2     yes
production production yes      yes      | yes yes    yes    yes    yes    yes
";

#[test]
fn domain_rules_are_the_golden_matrix() {
    let grants = TABLE_ACTIONS.map(|action| (action.as_str(), grant_on_schema(group("everyone"), action, "s")));
    let authorizer = authorizer(grants);
    let mut matrix = MATRIX.lines().take(1).map(|header| format!("{header}\n")).collect::<String>();
    for session in [Domain::Experiment, Domain::Production] {
        for domain in [Domain::Experiment, Domain::Production] {
            for (approved_for_experiment, approved_pipeline) in
                [(false, false), (false, true), (true, false), (true, true)]
            {
                let alice = Subject { domain: session, ..subject("alice", &[]) };
                let table = TableResource { domain, approved_for_experiment, approved_pipeline, ..table("t", "s") };
                writeln!(matrix, "{}", row(&mut Decisions::new(&authorizer, &alice), session, &table)).unwrap();
            }
        }
    }
    assert_eq!(matrix, MATRIX, "found:\n{matrix}");
}

fn row(decisions: &mut Decisions<'_>, session: Domain, table: &TableResource<'_>) -> String {
    let word = |flag| if flag { "yes" } else { "no" };
    let mut row = format!(
        "{:<10} {:<10} {:<8} {:<8} |",
        session.as_str(),
        table.domain.as_str(),
        word(table.approved_for_experiment),
        word(table.approved_pipeline)
    );
    for action in TABLE_ACTIONS {
        let decision = decisions.table(action, table);
        let cell = if decision.is_allowed() { "yes".to_owned() } else { marks(&decision) };
        write!(row, " {cell:<width$}", width = action.as_str().len()).unwrap();
    }
    row.trim_end().to_owned()
}

fn marks(decision: &Decision) -> String {
    let mark = |id: &String| RULES.iter().find(|(_, rule)| rule == id).map_or("?", |(mark, _)| mark);
    decision.policies.iter().map(mark).collect::<Vec<_>>().join("+")
}

#[test]
fn ownership_and_administration_open_no_domain() {
    let authorizer = authorizer([]);
    let alice = subject("alice", &[Subject::ADMINS]);
    let owned = TableResource { owner: Some("alice"), domain: Domain::Production, ..table("t", "s") };
    assert_eq!(allowed_on_table(&authorizer, &alice, &owned), [TableAction::See, TableAction::Own]);
    let mut decisions = Decisions::new(&authorizer, &alice);
    let schema = SchemaResource { id: "s", domain: Domain::Production, approved_pipeline: false };
    assert_eq!(decisions.schema(TableAction::Create, &schema).policies, ["domain.experiment_writes_production"]);
}
