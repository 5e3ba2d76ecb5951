//! Session options, and the end of a session.

use std::collections::HashMap;

use prost::{Message, bytes::Bytes};
use sluice_model::{Domain, SchemaName};
use sluice_planner::parse::{CATALOG, SetVariable};
use tonic::Status;

use super::{Caller, Core};
use crate::wire::{
    ViewTypes,
    proto::{
        CloseSessionResult, CloseStatus, GetSessionOptionsResult, OptionValue, SessionOptionValue, SetErrorValue,
        SetSessionOptionError, SetSessionOptionsRequest, SetSessionOptionsResult,
    },
};

/// Sets each option; says of those that it cannot set why.
pub(super) fn set(caller: &Caller, request: SetSessionOptionsRequest) -> Result<Bytes, Status> {
    let mut errors = HashMap::new();
    for (name, value) in request.session_options {
        if let Err(error) = set_one(caller, &name, value.option_value) {
            errors.insert(name, SetSessionOptionError { value: error as i32 });
        }
    }
    Ok(SetSessionOptionsResult { errors }.encode_to_vec().into())
}

/// An option without a value goes back to its default.
fn set_one(caller: &Caller, name: &str, value: Option<OptionValue>) -> Result<(), SetErrorValue> {
    let text = match value {
        None => None,
        Some(OptionValue::String(text)) => Some(text).filter(|text| !text.is_empty()),
        Some(OptionValue::Bool(_) | OptionValue::Int64(_) | OptionValue::Double(_) | OptionValue::StringList(_)) => {
            return Err(SetErrorValue::InvalidValue);
        }
    };
    let variable = match name {
        "schema" => SetVariable::Schema(text.map(SchemaName::new)),
        "domain" => {
            let domain = text.map(|word| word.parse::<Domain>()).transpose();
            SetVariable::Domain(domain.map_err(|_| SetErrorValue::InvalidValue)?.unwrap_or_default())
        }
        "purpose" => SetVariable::Purpose(text.unwrap_or_default()),
        "time_zone" => SetVariable::TimeZone(text),
        // There is one catalog, and results are not cached: both can be said and not changed.
        "catalog" => return only(text.as_deref(), CATALOG),
        "cache" => return only(text.as_deref(), "off"),
        "view_types" => {
            caller.client.set_views(match text.as_deref() {
                None | Some("native") => ViewTypes::Native,
                Some("plain") => ViewTypes::Plain,
                Some(_) => return Err(SetErrorValue::InvalidValue),
            });
            return Ok(());
        }
        _ => return Err(SetErrorValue::InvalidName),
    };
    caller.client.change(|session| session.set(&variable)).map_err(|_| SetErrorValue::InvalidValue)
}

fn only(value: Option<&str>, allowed: &str) -> Result<(), SetErrorValue> {
    if value.is_none_or(|value| value == allowed) { Ok(()) } else { Err(SetErrorValue::InvalidValue) }
}

/// Every option with its value; empty for one that is not set.
pub(super) fn get(caller: &Caller) -> Bytes {
    let session = caller.client.session();
    let views = match caller.client.views() {
        ViewTypes::Native => "native",
        ViewTypes::Plain => "plain",
    };
    let options = [
        ("catalog", CATALOG.to_owned()),
        ("schema", session.schema().map(ToString::to_string).unwrap_or_default()),
        ("domain", session.subject().domain.as_str().to_owned()),
        ("purpose", session.subject().purpose.to_string()),
        ("cache", "off".to_owned()),
        ("time_zone", session.time_zone().unwrap_or("UTC").to_owned()),
        ("view_types", views.to_owned()),
    ];
    let session_options = options
        .into_iter()
        .map(|(name, value)| (name.to_owned(), SessionOptionValue { option_value: Some(OptionValue::String(value)) }));
    GetSessionOptionsResult { session_options: session_options.collect() }.encode_to_vec().into()
}

/// Ends the session, what it holds, and the login that it came by.
pub(super) fn close(core: &Core, caller: &Caller) -> Bytes {
    core.statements.forget(caller.owner());
    core.prepared.forget(caller.owner());
    core.sessions.close(&caller.client);
    core.identities.end(&caller.identity.credential);
    CloseSessionResult { status: CloseStatus::Closed as i32 }.encode_to_vec().into()
}
