//! Messages of `Flight.proto` and `FlightSql.proto` that the library does not have.
//!
//! Field names and numbers are those of the Arrow project's definitions, which are under the Apache License 2.0.

use std::collections::HashMap;

use prost::{Enumeration, Message, Oneof, bytes::Bytes};

/// `ActionCreatePreparedStatementResult` with the field that says how the statement is executed.
#[derive(Clone, PartialEq, Message)]
pub struct CreatePreparedStatementResult {
    /// The statement.
    #[prost(bytes = "bytes", tag = "1")]
    pub prepared_statement_handle: Bytes,
    /// The columns of its rows, as an IPC message; empty where it answers none.
    #[prost(bytes = "bytes", tag = "2")]
    pub dataset_schema: Bytes,
    /// Its parameters, as an IPC message.
    #[prost(bytes = "bytes", tag = "3")]
    pub parameter_schema: Bytes,
    /// Whether it is executed as an update, not as a query.
    #[prost(bool, optional, tag = "4")]
    pub is_update: Option<bool>,
}

/// The value of a session option.
#[derive(Clone, PartialEq, Message)]
pub struct SessionOptionValue {
    /// Absent to set an option to its default.
    #[prost(oneof = "OptionValue", tags = "1, 2, 3, 4, 5")]
    pub option_value: Option<OptionValue>,
}

/// A session option is one of these.
#[derive(Clone, PartialEq, Oneof)]
pub enum OptionValue {
    /// A text.
    #[prost(string, tag = "1")]
    String(String),
    /// A truth value.
    #[prost(bool, tag = "2")]
    Bool(bool),
    /// A whole number.
    #[prost(sfixed64, tag = "3")]
    Int64(i64),
    /// A number.
    #[prost(double, tag = "4")]
    Double(f64),
    /// Texts.
    #[prost(message, tag = "5")]
    StringList(StringListValue),
}

/// Texts.
#[derive(Clone, PartialEq, Message)]
pub struct StringListValue {
    /// The texts.
    #[prost(string, repeated, tag = "1")]
    pub values: Vec<String>,
}

/// `SetSessionOptionsRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct SetSessionOptionsRequest {
    /// The options by name.
    #[prost(map = "string, message", tag = "1")]
    pub session_options: HashMap<String, SessionOptionValue>,
}

/// `SetSessionOptionsResult`.
#[derive(Clone, PartialEq, Message)]
pub struct SetSessionOptionsResult {
    /// What was not set, and why.
    #[prost(map = "string, message", tag = "1")]
    pub errors: HashMap<String, SetSessionOptionError>,
}

/// Why an option was not set.
#[derive(Clone, PartialEq, Message)]
pub struct SetSessionOptionError {
    /// One of [`SetErrorValue`].
    #[prost(enumeration = "SetErrorValue", tag = "1")]
    pub value: i32,
}

/// Why an option was not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum SetErrorValue {
    /// Not said.
    Unspecified = 0,
    /// There is no such option.
    InvalidName = 1,
    /// The value makes no sense for it.
    InvalidValue = 2,
    /// Something else.
    Error = 3,
}

/// `GetSessionOptionsRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct GetSessionOptionsRequest {}

/// `GetSessionOptionsResult`.
#[derive(Clone, PartialEq, Message)]
pub struct GetSessionOptionsResult {
    /// The options by name.
    #[prost(map = "string, message", tag = "1")]
    pub session_options: HashMap<String, SessionOptionValue>,
}

/// `CloseSessionRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct CloseSessionRequest {}

/// `CloseSessionResult`.
#[derive(Clone, PartialEq, Message)]
pub struct CloseSessionResult {
    /// One of [`CloseStatus`].
    #[prost(enumeration = "CloseStatus", tag = "1")]
    pub status: i32,
}

/// What became of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum CloseStatus {
    /// Not said.
    Unspecified = 0,
    /// It is closed.
    Closed = 1,
    /// It is about to be closed.
    Closing = 2,
    /// It cannot be closed.
    NotCloseable = 3,
}
