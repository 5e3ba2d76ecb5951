//! The decoders of descriptors, tickets and actions, by themselves: they answer or say that they cannot.

use arrow_flight::{
    Action, FlightDescriptor, Ticket,
    sql::{CommandStatementQuery, ProstMessageExt},
};
use proptest::prelude::*;
use prost::{Message, bytes::Bytes};
use sluice_flight_server::wire::{
    command::{Question, put_of, question_of, question_of_ticket, request_of},
    proto::{GetSessionOptionsResult, SetSessionOptionsRequest, SetSessionOptionsResult},
};

use super::{fuzz, messages, mutation::mutated};

#[test]
fn questions() {
    fuzz("descriptors", &(mutated(messages::command()), -1..4_i32), |(bytes, kind)| {
        let mut descriptor = FlightDescriptor::new_cmd(bytes.clone());
        let asked = question_of(&descriptor);
        let ticket = question_of_ticket(&Ticket { ticket: Bytes::from(bytes.clone()) });
        if asked != ticket {
            return Err("a descriptor and a ticket of the same bytes are different questions".to_owned());
        }
        let put = put_of(&descriptor);
        if put.is_ok() && asked.is_err() {
            return Err("what is no question was put".to_owned());
        }
        descriptor.r#type = *kind;
        // Of a path nothing is decoded.
        if *kind != 2 && question_of(&descriptor).is_ok() {
            return Err(format!("a descriptor of kind {kind} was read"));
        }
        Ok(())
    });
}

#[test]
fn requests() {
    fuzz("actions", &(messages::action(), any::<bool>()), |((kind, body), empty)| {
        let body = if *empty { Bytes::new() } else { Bytes::from(body.clone()) };
        let _ = request_of(&Action { r#type: kind.clone(), body });
        Ok(())
    });
    let changed = messages::action().prop_flat_map(|(kind, body)| (Just(kind), mutated(Just(body))));
    fuzz("actions with changed bodies", &changed, |(kind, body)| {
        let _ = request_of(&Action { r#type: kind.clone(), body: body.clone().into() });
        let _ = SetSessionOptionsRequest::decode(body.as_slice());
        let _ = SetSessionOptionsResult::decode(body.as_slice());
        let _ = GetSessionOptionsResult::decode(body.as_slice());
        Ok(())
    });
}

#[test]
fn statements_arrive_as_they_were_sent() {
    fuzz("statements", &(".*", proptest::option::of(Just(Bytes::new()))), |(text, transaction_id)| {
        let command = CommandStatementQuery { query: text.clone(), transaction_id: transaction_id.clone() };
        let question = question_of(&FlightDescriptor::new_cmd(command.as_any().encode_to_vec()));
        if question == Ok(Question::Sql(text.clone())) { Ok(()) } else { Err(format!("{question:?}")) }
    });
}
