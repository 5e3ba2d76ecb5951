//! Our errors as gRPC statuses: the only place where one becomes the other.
//!
//! The text is the command line's. A status also holds `google.rpc.ErrorInfo`, for programs; and the text goes in a
//! header, which is small, so both are cut at a length that every client takes.

use std::{collections::HashMap, time::Duration};

use sluice_engine::EngineError;
use sluice_model::ErrorClass;
use sluice_planner::{Denial, DenialKind, PlanError};
use tonic::{Code, Status};
use tonic_types::{ErrorDetail, ErrorInfo, RetryInfo, StatusExt};

use crate::{
    limits::{Interrupted, OverBudget, Refused},
    wire::command::Malformed,
};

/// How much of a text is sent, in bytes.
const MOST_TEXT: usize = 1500;
/// How many denials are sent for programs; the text names all of them.
const MOST_DENIALS: usize = 4;
/// Who speaks, in `ErrorInfo`.
const DOMAIN: &str = "sluice";

/// What a client is told of `error`.
pub(crate) fn of(error: &EngineError) -> Status {
    let denials = error.denials();
    let code = match error {
        EngineError::Exhausted { .. } => Code::ResourceExhausted,
        EngineError::Expectation { .. } => Code::FailedPrecondition,
        // Whoever was somebody when the call came in is nobody any more.
        EngineError::UnknownPrincipal(_) => return crate::identity::unauthenticated(),
        _ => match error.class() {
            ErrorClass::Caller => Code::InvalidArgument,
            ErrorClass::Denied => Code::PermissionDenied,
            ErrorClass::Unavailable => Code::Unavailable,
            ErrorClass::Bug => Code::Internal,
        },
    };
    let mut text = error.to_string();
    if let Some(denial) = denials.first().filter(|denial| !denial.path.is_empty()) {
        text.push_str(&format!("\npath: {}", denial.path.join(" → ")));
    }
    if let Some(hint) = error.hint() {
        text.push_str(&format!("\nhelp: {hint}"));
    }
    let details = if denials.is_empty() {
        vec![info(reason(error), HashMap::new())]
    } else {
        denials.iter().take(MOST_DENIALS).map(|denial| info("DENIED", metadata(denial))).collect()
    };
    told(code, cut(&text, MOST_TEXT), details)
}

/// A status with details.
fn told(code: Code, text: impl Into<String>, details: Vec<ErrorDetail>) -> Status {
    let mut status = Status::with_error_details_vec(code, text, details);
    // The Arrow libraries for C++ and Python pass details on only beside a status of their own. Denials keep their
    // class there then; other codes would lose theirs.
    if code == Code::PermissionDenied {
        status.metadata_mut().insert("x-arrow-status", IO_ERROR.into());
    }
    status
}

/// Arrow's own code for an error of input or output.
const IO_ERROR: i32 = 5;

fn info(reason: &str, metadata: HashMap<String, String>) -> ErrorDetail {
    ErrorInfo::new(reason, DOMAIN, metadata).into()
}

fn reason(error: &EngineError) -> &'static str {
    match error {
        EngineError::Plan(PlanError::NoRule(_)) => "NO_RULE",
        EngineError::Plan(PlanError::NotVisible(_) | PlanError::NoSchema(_)) => "NOT_VISIBLE",
        EngineError::Plan(PlanError::Parse(_)) => "SYNTAX",
        EngineError::Exhausted { .. } => "EXHAUSTED",
        EngineError::Expectation { .. } => "EXPECTATION",
        _ => match error.class() {
            ErrorClass::Caller => "INVALID",
            ErrorClass::Denied => "DENIED",
            ErrorClass::Unavailable => "UNAVAILABLE",
            ErrorClass::Bug => "BUG",
        },
    }
}

/// A denial for programs.
fn metadata(denial: &Denial) -> HashMap<String, String> {
    let mut metadata = HashMap::new();
    let mut put = |key: &str, value: String| metadata.insert(key.to_owned(), cut(&value, MOST_TEXT / 4));
    match &denial.kind {
        DenialKind::Tag { column, tag, action, flow, output } => {
            put("column", column.to_string());
            put("tag", tag.to_string());
            put("action", action.to_string());
            put("flow", flow.as_str().to_owned());
            if let Some(output) = output {
                put("output", output.clone());
            }
        }
        DenialKind::Object { object, action, .. } => {
            put("object", object.clone());
            put("action", action.to_string());
        }
        DenialKind::Column { column, tag } => {
            put("column", column.to_string());
            put("tag", tag.to_string());
        }
        DenialKind::Classify { tag } => {
            put("tag", tag.to_string());
            put("action", "CLASSIFY".to_owned());
        }
        DenialKind::Administer => {
            put("action", "ADMINISTER".to_owned());
        }
    }
    put("principal", denial.principal.clone());
    if !denial.path.is_empty() {
        put("path", denial.path.join(" → "));
    }
    if let Some(hint) = &denial.hint {
        put("hint", hint.clone());
    }
    metadata
}

fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{} …", &text[..end])
}

/// What a client sent cannot be understood.
pub(crate) fn of_malformed(error: &Malformed) -> Status {
    invalid(&error.to_string())
}

/// What a client asks for makes no sense.
pub(crate) fn invalid(text: &str) -> Status {
    told(Code::InvalidArgument, cut(text, MOST_TEXT), vec![info("INVALID", HashMap::new())])
}

/// A handle that is unknown, somebody else's, or expired: all the same.
pub(crate) fn unknown_handle() -> Status {
    let text = "this handle is unknown or has expired\nhelp: execute or prepare the statement again";
    told(Code::NotFound, text, vec![info("UNKNOWN_HANDLE", HashMap::new())])
}

/// A client's statements take all the room that there is for them, or one more than there is.
pub(crate) fn too_much_held() -> Status {
    let text = "statements and the values for their parameters take more room than a principal has for them\n\
                help: close prepared statements that are done with, bind fewer rows at a time, or ingest rows";
    told(Code::ResourceExhausted, text, vec![info("HANDLES", HashMap::new())])
}

/// A client began to send and did not go on.
pub(crate) fn silent() -> Status {
    told(Code::DeadlineExceeded, "the client stopped sending", vec![info("TIMEOUT", HashMap::new())])
}

/// The columns are no longer those that were announced.
pub(crate) fn changed_since() -> Status {
    let text = "the tables have changed since the statement was announced\nhelp: execute it again";
    told(Code::FailedPrecondition, text, vec![info("CHANGED", HashMap::new())])
}

/// What is not part of this version.
pub(crate) fn unsupported(text: &str) -> Status {
    told(Code::Unimplemented, text, vec![info("UNSUPPORTED", HashMap::new())])
}

/// A statement was cancelled.
pub(crate) fn cancelled() -> Status {
    told(Code::Cancelled, "the statement was cancelled", vec![info("CANCELLED", HashMap::new())])
}

/// One row does not fit a message.
pub(crate) fn too_large_to_send(most_bytes: usize) -> Status {
    let text = format!(
        "a row is larger than the {} MiB that one message may have\nhelp: raise max_message_mb, or select less",
        most_bytes >> 20
    );
    told(Code::ResourceExhausted, text, vec![info("MESSAGE_SIZE", HashMap::new())])
}

/// The answer has become too large.
pub(crate) fn of_budget(over: &OverBudget) -> Status {
    let text = format!(
        "the answer is larger than {} MiB, which is the most that one statement may answer\n\
         help: aggregate, filter or write it into a table",
        over.limit_bytes >> 20
    );
    told(Code::ResourceExhausted, text, vec![info("RESULT_SIZE", HashMap::new())])
}

/// A statement may not run now.
pub(crate) fn of_refused(refused: &Refused) -> Status {
    let (reason, code, retry_after) = match refused {
        Refused::QueueFull { retry_after } => ("QUEUE_FULL", Code::ResourceExhausted, Some(*retry_after)),
        Refused::TimedOut { retry_after } => ("QUEUE_TIMEOUT", Code::ResourceExhausted, Some(*retry_after)),
        Refused::Draining => ("DRAINING", Code::Unavailable, None),
    };
    let mut details = vec![info(reason, HashMap::new())];
    let mut text = refused.to_string();
    if let Some(after) = retry_after {
        let after = after.max(Duration::from_millis(1));
        details.push(RetryInfo::new(Some(after)).into());
        text.push_str(&format!("\nhelp: try again in {:.1} s", after.as_secs_f64()));
    }
    told(code, text, details)
}

/// A statement was ended because of its time.
impl From<Interrupted> for Status {
    fn from(interrupted: Interrupted) -> Self {
        let details = vec![info("TIMEOUT", HashMap::new())];
        told(Code::DeadlineExceeded, interrupted.to_string(), details)
    }
}

/// Something failed that has no other name here; what it was is in the server's own log.
pub(crate) fn internal(text: &str) -> Status {
    told(Code::Internal, text, vec![info("BUG", HashMap::new())])
}
