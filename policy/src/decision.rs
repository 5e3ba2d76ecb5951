//! What a policy decision says.

use serde::{Deserialize, Serialize};

/// Whether a request is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// Some policy permits it, none forbids it, and every policy concerned could be evaluated.
    Allow,
    /// Anything else.
    Deny,
}

/// The answer to one request, with what determined it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Decision {
    /// Whether the request is allowed.
    pub outcome: Outcome,
    /// The ids of the policies that determined the outcome, sorted: the permits of what is allowed, the forbids of
    /// what is forbidden, those that could not be evaluated where the others would have allowed. Empty where nothing
    /// matched.
    pub policies: Vec<String>,
    /// Whether some policy could not be evaluated, which denies the request whatever the others say.
    pub errors: bool,
}

impl Decision {
    /// Whether the request is allowed.
    pub fn is_allowed(&self) -> bool {
        self.outcome == Outcome::Allow
    }

    /// The answer to a request that no policy is about.
    pub(crate) fn unmatched() -> Self {
        Self { outcome: Outcome::Deny, policies: Vec::new(), errors: false }
    }

    /// The answer to a request that could not be put to the policies.
    pub(crate) fn failed() -> Self {
        Self { errors: true, ..Self::unmatched() }
    }
}

impl From<&cedar_policy::Response> for Decision {
    fn from(response: &cedar_policy::Response) -> Self {
        let diagnostics = response.diagnostics();
        let errors = diagnostics.errors().next().is_some();
        let mut policies: Vec<_> = diagnostics.reason().map(ToString::to_string).collect();
        let outcome = match response.decision() {
            cedar_policy::Decision::Allow if errors => {
                // Cedar skips a policy that it cannot evaluate. It might have forbidden, so it denies what the
                // others allow.
                policies = diagnostics.errors().map(erring).collect();
                Outcome::Deny
            }
            cedar_policy::Decision::Allow => Outcome::Allow,
            cedar_policy::Decision::Deny => Outcome::Deny,
        };
        policies.sort_unstable();
        Self { outcome, policies, errors }
    }
}

fn erring(error: &cedar_policy::AuthorizationError) -> String {
    let cedar_policy::AuthorizationError::PolicyEvaluationError(error) = error;
    error.policy_id().to_string()
}
