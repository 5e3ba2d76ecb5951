//! Flight messages: reading what clients send, writing what they get.

pub mod command;
mod ipc;
mod message;
mod metadata;
pub mod proto;
mod schema;
mod stream;
mod upload;

pub(crate) use message::{IpcMessage, Pieces};
pub(crate) use schema::{Columns, ViewTypes, encoded, parameter_schema, wire_schema};
pub(crate) use stream::{Messages, Sending};
pub(crate) use upload::{Upload, schema_of};
