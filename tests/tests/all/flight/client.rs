//! A client that does what it is told, well-behaved or not.

use std::{net::SocketAddr, sync::Arc};

use arrow::{
    array::{Array, RecordBatch},
    datatypes::{Schema, SchemaRef},
    util::display::{ArrayFormatter, FormatOptions},
};
use arrow_flight::{
    Action, FlightData, FlightDescriptor, FlightInfo, PutResult, Ticket,
    decode::FlightRecordBatchStream,
    encode::{DictionaryHandling, FlightDataEncoderBuilder},
    error::FlightError,
    flight_service_client::FlightServiceClient,
    sql::{
        self, ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult, Any,
        CommandPreparedStatementQuery, CommandStatementQuery, CommandStatementUpdate, DoPutUpdateResult,
        ProstMessageExt,
    },
};
use futures::{FutureExt, Stream, StreamExt, TryStreamExt, stream};
use prost::{Message, bytes::Bytes};
use tonic::{Request, Status, Streaming, transport::Channel};

/// A connection, and the headers of its calls.
#[derive(Clone)]
pub(super) struct Client {
    flight: FlightServiceClient<Channel>,
    headers: Vec<(&'static str, String)>,
}

impl Client {
    /// A connection of its own, of nobody yet.
    pub(super) async fn connect(address: SocketAddr) -> Self {
        let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
        let channel = endpoint.connect().await.unwrap();
        let flight = FlightServiceClient::new(channel).max_decoding_message_size(64 << 20);
        Self { flight, headers: Vec::new() }
    }

    pub(super) fn with(mut self, header: &'static str, value: &str) -> Self {
        self.headers.retain(|(name, _)| *name != header);
        self.headers.push((header, value.to_owned()));
        self
    }

    pub(super) fn bearing(self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    /// The bare client, for calls that are not made here.
    pub(super) fn flight(&self) -> FlightServiceClient<Channel> {
        self.flight.clone()
    }

    pub(super) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        for (name, value) in &self.headers {
            request.metadata_mut().insert(*name, value.parse().unwrap());
        }
        request
    }

    pub(super) async fn info(&self, command: &impl ProstMessageExt) -> Result<FlightInfo, Status> {
        Ok(self.flight().get_flight_info(self.request(descriptor(command))).await?.into_inner())
    }

    pub(super) async fn schema(&self, command: &impl ProstMessageExt) -> Result<Schema, Status> {
        let answer = self.flight().get_schema(self.request(descriptor(command))).await?.into_inner();
        Ok(Schema::try_from(&answer).unwrap())
    }

    pub(super) async fn poll(&self, command: &impl ProstMessageExt) -> Result<arrow_flight::PollInfo, Status> {
        Ok(self.flight().poll_flight_info(self.request(descriptor(command))).await?.into_inner())
    }

    /// The messages of a ticket's answer, to be read or not.
    pub(super) async fn open(&self, ticket: Ticket) -> Result<Streaming<FlightData>, Status> {
        Ok(self.flight().do_get(self.request(ticket)).await?.into_inner())
    }

    /// A ticket's answer.
    pub(super) async fn fetch(&self, ticket: Ticket) -> Result<(SchemaRef, Vec<RecordBatch>), Status> {
        let messages = self.open(ticket).await?.map_err(|status| FlightError::Tonic(Box::new(status)));
        let mut rows = FlightRecordBatchStream::new_from_flight_data(messages);
        let mut batches = Vec::new();
        while let Some(batch) = rows.next().await {
            batches.push(batch.map_err(status_of)?);
        }
        Ok((rows.schema().cloned().unwrap_or_else(|| Schema::empty().into()), batches))
    }

    /// Announces and fetches what `command` asks for.
    pub(super) async fn ask(&self, command: &impl ProstMessageExt) -> Result<(SchemaRef, Vec<RecordBatch>), Status> {
        self.fetch(ticket_of(&self.info(command).await?)).await
    }

    pub(super) async fn query(&self, text: &str) -> Result<Vec<RecordBatch>, Status> {
        Ok(self.ask(&statement(text)).await?.1)
    }

    /// The first column of the answer to `text`, as texts.
    pub(super) async fn texts(&self, text: &str) -> Result<Vec<String>, Status> {
        Ok(first_column(&self.query(text).await?))
    }

    pub(super) async fn prepare(&self, text: &str) -> Result<Bytes, Status> {
        let ask = ActionCreatePreparedStatementRequest { query: text.to_owned(), transaction_id: None };
        Ok(self.prepared(self.action("CreatePreparedStatement", ask.as_any().encode_to_vec()).await?))
    }

    fn prepared(&self, bodies: Vec<Bytes>) -> Bytes {
        let any = Any::decode(bodies[0].as_ref()).unwrap();
        let answer: ActionCreatePreparedStatementResult = any.unpack().unwrap().unwrap();
        answer.prepared_statement_handle
    }

    pub(super) async fn action(&self, kind: &str, body: impl Into<Bytes>) -> Result<Vec<Bytes>, Status> {
        let action = Action { r#type: kind.to_owned(), body: body.into() };
        let answers = self.flight().do_action(self.request(action)).await?.into_inner();
        answers.map_ok(|answer| answer.body).try_collect().await
    }

    pub(super) async fn put(
        &self,
        messages: impl Stream<Item = FlightData> + Send + 'static,
    ) -> Result<Vec<PutResult>, Status> {
        self.flight().do_put(self.request(messages)).await?.into_inner().try_collect().await
    }

    /// Puts `command` with `batches`, which have `schema`.
    pub(super) async fn put_rows(
        &self,
        command: &impl ProstMessageExt,
        schema: &Schema,
        batches: &[RecordBatch],
    ) -> Result<Vec<PutResult>, Status> {
        self.put(stream::iter(rows_of(command, schema, batches))).await
    }

    /// How many rows a statement changed.
    pub(super) async fn update(&self, text: &str) -> Result<i64, Status> {
        let command = CommandStatementUpdate { query: text.to_owned(), transaction_id: None };
        let message = FlightData { flight_descriptor: Some(descriptor(&command)), ..FlightData::default() };
        let answers = self.put(stream::iter([message])).await?;
        Ok(DoPutUpdateResult::decode(answers[0].app_metadata.as_ref()).unwrap().record_count)
    }
}

/// The messages of a put.
pub(super) fn rows_of(command: &impl ProstMessageExt, schema: &Schema, batches: &[RecordBatch]) -> Vec<FlightData> {
    let encoder = FlightDataEncoderBuilder::new()
        .with_schema(Arc::new(schema.clone()))
        .with_dictionary_handling(DictionaryHandling::Resend)
        .with_max_flight_data_size(usize::MAX)
        .with_flight_descriptor(Some(descriptor(command)))
        .build(stream::iter(batches.to_vec()).map(Ok));
    encoder.try_collect().now_or_never().expect("encoding waits for nothing").unwrap()
}

pub(super) fn descriptor(command: &impl ProstMessageExt) -> FlightDescriptor {
    FlightDescriptor::new_cmd(command.as_any().encode_to_vec())
}

pub(super) fn statement(text: &str) -> CommandStatementQuery {
    CommandStatementQuery { query: text.to_owned(), transaction_id: None }
}

pub(super) fn prepared_query(handle: &Bytes) -> CommandPreparedStatementQuery {
    CommandPreparedStatementQuery { prepared_statement_handle: handle.clone() }
}

/// An ingest that makes `table` or adds to it.
pub(super) fn ingest(schema: &str, table: &str, append: bool) -> sql::CommandStatementIngest {
    let options = sql::TableDefinitionOptions {
        if_not_exist: if append { sql::TableNotExistOption::Fail } else { sql::TableNotExistOption::Create } as i32,
        if_exists: if append { sql::TableExistsOption::Append } else { sql::TableExistsOption::Fail } as i32,
    };
    sql::CommandStatementIngest {
        table_definition_options: Some(options),
        table: table.to_owned(),
        schema: Some(schema.to_owned()),
        ..Default::default()
    }
}

/// The rows of a table that exists give way to what is put.
pub(super) fn replacement(schema: &str, table: &str) -> sql::CommandStatementIngest {
    let options = sql::TableDefinitionOptions {
        if_not_exist: sql::TableNotExistOption::Create as i32,
        if_exists: sql::TableExistsOption::Replace as i32,
    };
    sql::CommandStatementIngest { table_definition_options: Some(options), ..ingest(schema, table, false) }
}

pub(super) fn ticket_of(info: &FlightInfo) -> Ticket {
    info.endpoint[0].ticket.clone().unwrap()
}

/// The first column of `batches`, as texts.
pub(super) fn first_column(batches: &[RecordBatch]) -> Vec<String> {
    let mut texts = Vec::new();
    for batch in batches {
        let cells = ArrayFormatter::try_new(batch.column(0), &FormatOptions::default()).unwrap();
        texts.extend((0..batch.column(0).len()).map(|row| cells.value(row).to_string()));
    }
    texts
}

fn status_of(error: FlightError) -> Status {
    match error {
        FlightError::Tonic(status) => *status,
        other => panic!("the answer cannot be read: {other}"),
    }
}
