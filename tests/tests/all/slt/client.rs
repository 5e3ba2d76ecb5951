//! What the runner of `.slt` files calls a database: a Flight SQL client with a session of its own.

use std::time::Duration;

use arrow::error::ArrowError;
use arrow_flight::{Action, error::FlightError, sql::client::FlightSqlServiceClient};
use datafusion_sqllogictest::{DFColumnType, convert_batches, convert_schema_to_types};
use futures::TryStreamExt;
use prost::Message;
use sluice_flight_server::wire::proto::{
    OptionValue, SessionOptionValue, SetSessionOptionsRequest, SetSessionOptionsResult,
};
use sqllogictest::{AsyncDB, DBOutput};
use tonic::{IntoRequest, Status, transport::Channel};

use super::{record, server::Server};

/// How long a statement may take.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// Why there is no answer: the server's text, or ours.
#[derive(Debug)]
pub(super) struct NoAnswer(String);

impl std::error::Error for NoAnswer {}

impl std::fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Status> for NoAnswer {
    fn from(status: Status) -> Self {
        Self(format!("{:?}: {}", status.code(), status.message()))
    }
}

impl From<FlightError> for NoAnswer {
    fn from(error: FlightError) -> Self {
        match error {
            FlightError::Tonic(status) => (*status).into(),
            other => Self(other.to_string()),
        }
    }
}

impl From<ArrowError> for NoAnswer {
    fn from(error: ArrowError) -> Self {
        Self(error.to_string())
    }
}

/// A connection in a session of its own.
pub(super) struct Client {
    flight: FlightSqlServiceClient<Channel>,
}

impl Client {
    /// Makes `schema` and a session in which unqualified names resolve there.
    pub(super) async fn connect(server: &Server, schema: &str) -> Result<Self, NoAnswer> {
        let endpoint = Channel::from_shared(format!("http://{}", server.address)).unwrap();
        let channel = endpoint.connect().await.map_err(|error| NoAnswer(error.to_string()))?;
        let mut flight = FlightSqlServiceClient::new(channel);
        flight.set_token(server.token.clone());
        flight.set_header("x-sluice-session", schema);
        let mut client = Self { flight };
        client.ask(&format!("CREATE SCHEMA {schema}")).await?;
        client.set_option("schema", Some(schema)).await?;
        Ok(client)
    }

    /// Sets a session option; `None` puts it back to its default.
    async fn set_option(&mut self, name: &str, value: Option<&str>) -> Result<(), NoAnswer> {
        let option_value = value.map(|text| OptionValue::String(text.to_owned()));
        let body = SetSessionOptionsRequest {
            session_options: [(name.to_owned(), SessionOptionValue { option_value })].into(),
        };
        let action = Action { r#type: "SetSessionOptions".to_owned(), body: body.encode_to_vec().into() };
        let mut answers = self.flight.do_action(action.into_request()).await?;
        while let Some(answer) = answers.message().await? {
            let errors = SetSessionOptionsResult::decode(answer.body).unwrap().errors;
            if !errors.is_empty() {
                return Err(NoAnswer(format!("`{name}` cannot be {value:?}")));
            }
        }
        Ok(())
    }

    /// Runs one statement, again where the server says that it was busy.
    async fn ask_until_available(&mut self, sql: &str) -> Result<DBOutput<DFColumnType>, NoAnswer> {
        loop {
            match self.ask(sql).await {
                Err(busy) if busy.0.starts_with("Unavailable") => tokio::task::yield_now().await,
                answer => return answer,
            }
        }
    }

    /// Runs one statement to its end.
    async fn ask(&mut self, sql: &str) -> Result<DBOutput<DFColumnType>, NoAnswer> {
        let info = self.flight.execute(sql.to_owned(), None).await?;
        let schema = info.clone().try_decode_schema()?;
        let mut batches = Vec::new();
        for endpoint in info.endpoint {
            let ticket = endpoint.ticket.expect("an endpoint has a ticket");
            let mut answer = self.flight.do_get(ticket).await?;
            while let Some(batch) = answer.try_next().await? {
                batches.push(batch);
            }
        }
        let types = convert_schema_to_types(schema.fields());
        let rows = convert_batches(&schema, batches, false).map_err(|error| NoAnswer(error.to_string()))?;
        Ok(if types.is_empty() && rows.is_empty() {
            DBOutput::StatementComplete(0)
        } else {
            DBOutput::Rows { types, rows }
        })
    }
}

#[async_trait::async_trait]
impl AsyncDB for Client {
    type Error = NoAnswer;
    type ColumnType = DFColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DFColumnType>, NoAnswer> {
        // The one setting of DataFusion that a session of Sluice has, by another name. The record does not pass for it;
        // those after it are asked under the time zone that they are about.
        if let Some(zone) = record::time_zone(sql) {
            self.set_option("time_zone", zone.as_deref()).await?;
        }
        match tokio::time::timeout(STATEMENT_TIMEOUT, self.ask_until_available(sql)).await {
            // What answers no rows answers by this path one row that says so.
            Ok(Ok(DBOutput::Rows { .. })) if record::defines(sql) => Ok(DBOutput::StatementComplete(0)),
            Ok(answer) => answer,
            Err(_) => Err(NoAnswer(format!("no answer within {STATEMENT_TIMEOUT:?}"))),
        }
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &str {
        "DataFusion"
    }

    async fn sleep(duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
