//! A client for load: prepared point queries over one connection, with no more between it and the socket than HTTP/2.
//!
//! It shares the cores with the server that is measured, so that whatever it spends is missing there. A connection and what
//! goes through it are one future, and what is said over and over is encoded once.

use std::{
    future::poll_fn,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use arrow::{
    array::{Array, AsArray, Int64Array, RecordBatch},
    datatypes::{DataType, Field, Int64Type, Schema},
};
use arrow_flight::{
    Action, FlightData, FlightDescriptor, FlightInfo, PutResult, Ticket,
    sql::{
        ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult, Any, CommandPreparedStatementQuery,
        DoPutPreparedStatementResult, ProstMessageExt,
    },
    utils::{batches_to_flight_data, flight_data_to_batches},
};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::client::{Connection, SendRequest};
use http::{HeaderMap, HeaderValue, Request, Uri, header};
use prost::Message;
use tokio::net::TcpStream;

/// How large a window the server is given for each answer: more than one takes.
const WINDOW: u32 = 1 << 20;

/// What is said to a server, whoever says it.
pub(crate) struct Script {
    authority: String,
    do_action: Uri,
    do_put: Uri,
    get_flight_info: Uri,
    do_get: Uri,
    token: HeaderValue,
    query: String,
    /// The message with the parameter's type.
    schema: FlightData,
    /// A message with each of its values, from 0 on.
    values: Vec<Bytes>,
}

impl Script {
    /// Has `query`, which takes one `BIGINT`, asked of the server at `uri` with values from 0 on, and below `values`.
    pub(crate) fn new(uri: &str, token: &str, query: &str, values: i64) -> Result<Self> {
        let authority = uri.strip_prefix("http://").context("the server's address begins with http://")?;
        let method = |name| Uri::try_from(format!("{uri}/arrow.flight.protocol.FlightService/{name}"));
        let schema = Arc::new(Schema::new(vec![Field::new("1", DataType::Int64, false)]));
        let parameter = |value| -> Result<[FlightData; 2]> {
            let row = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(Int64Array::from(vec![value]))])?;
            exactly("messages of a parameter", batches_to_flight_data(&schema, vec![row])?)
        };
        let rows = (0..values).map(|value| Ok(framed(&parameter(value)?[1])));
        Ok(Self {
            authority: authority.to_owned(),
            do_action: method("DoAction")?,
            do_put: method("DoPut")?,
            get_flight_info: method("GetFlightInfo")?,
            do_get: method("DoGet")?,
            token: HeaderValue::try_from(format!("Bearer {token}"))?,
            query: query.to_owned(),
            schema: parameter(0)?[0].clone(),
            values: rows.collect::<Result<_>>()?,
        })
    }
}

/// A connection with a session, and a statement that was prepared in it.
pub(crate) struct Client {
    connection: Connection<TcpStream, Bytes>,
    calls: Calls,
    statement: Statement,
}

impl Client {
    /// Connects, and prepares the query, in the session of the name. The first value is that after `value`.
    pub(crate) async fn connect(script: &Arc<Script>, session: &str, value: usize) -> Result<Self> {
        let socket = TcpStream::connect(&script.authority).await?;
        socket.set_nodelay(true)?;
        let (sender, mut connection) =
            h2::client::Builder::new().initial_window_size(WINDOW).handshake::<_, Bytes>(socket).await?;
        let mut calls = Calls { script: Arc::clone(script), session: HeaderValue::try_from(session)?, sender };
        let statement = alongside(&mut connection, calls.prepare(value)).await?;
        Ok(Self { connection, calls, statement })
    }

    /// Asks one query after the other as long as it is not yet `until`; answers how long each took.
    pub(crate) async fn query(&mut self, until: Instant) -> Result<Vec<Duration>> {
        let Self { connection, calls, statement } = self;
        let querying = async {
            let mut taken = Vec::new();
            while Instant::now() < until {
                let started = Instant::now();
                calls.ask(statement).await?;
                taken.push(started.elapsed());
            }
            Ok(taken)
        };
        alongside(connection, querying).await
    }
}

/// Does `work`, whose calls go through `connection`.
async fn alongside<T>(
    connection: &mut Connection<TcpStream, Bytes>,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::select! {
        biased;
        done = work => done,
        ended = connection => {
            ended?;
            bail!("the server closed the connection")
        }
    }
}

/// A statement that was prepared, and what is said about it.
struct Statement {
    handle: Bytes,
    /// The message that binds it, before that with the value.
    bind: Bytes,
    announce: Bytes,
    value: usize,
}

/// The calls of a session.
struct Calls {
    script: Arc<Script>,
    session: HeaderValue,
    sender: SendRequest<Bytes>,
}

impl Calls {
    async fn prepare(&mut self, value: usize) -> Result<Statement> {
        let request = ActionCreatePreparedStatementRequest { query: self.script.query.clone(), transaction_id: None };
        let body = request.as_any().encode_to_vec().into();
        let action = Action { r#type: "CreatePreparedStatement".to_owned(), body };
        let [result] = exactly("results", self.call(self.script.do_action.clone(), framed(&action)).await?)?;
        let result: Option<ActionCreatePreparedStatementResult> =
            Any::decode(arrow_flight::Result::decode(result)?.body)?.unpack()?;
        let handle = result.context("no statement is prepared")?.prepared_statement_handle;
        let command = CommandPreparedStatementQuery { prepared_statement_handle: handle.clone() };
        let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
        let announce = framed(&descriptor);
        let bind = framed(&self.script.schema.clone().with_descriptor(descriptor));
        Ok(Statement { handle, bind, announce, value })
    }

    /// Binds the next value, announces the execution, and fetches its row: the value and its double.
    async fn ask(&mut self, statement: &mut Statement) -> Result<()> {
        statement.value = (statement.value * 31 + 7) % self.script.values.len();
        let bound = [&*statement.bind, &*self.script.values[statement.value]].concat();
        let [put] = exactly("results", self.call(self.script.do_put.clone(), bound.into()).await?)?;
        let put = DoPutPreparedStatementResult::decode(PutResult::decode(put)?.app_metadata)?;
        ensure!(put.prepared_statement_handle.is_none_or(|handle| handle == statement.handle), "another handle");

        let announced = self.call(self.script.get_flight_info.clone(), statement.announce.clone()).await?;
        let [info] = exactly("announcements", announced)?;
        let [endpoint] = exactly("endpoints", FlightInfo::decode(info)?.endpoint)?;
        let ticket: Ticket = endpoint.ticket.context("no ticket")?;

        let messages = self.call(self.script.do_get.clone(), framed(&ticket)).await?;
        let messages = messages.into_iter().map(FlightData::decode).collect::<Result<Vec<_>, _>>()?;
        let [row] = exactly("batches", flight_data_to_batches(&messages)?)?;
        let found = row.columns().iter().map(|column| {
            let numbers = column.as_primitive_opt::<Int64Type>().filter(|numbers| numbers.null_count() == 0)?;
            Some(numbers.values().to_vec())
        });
        let value = i64::try_from(statement.value)?;
        ensure!(found.eq([Some(vec![value]), Some(vec![value * 2])]), "another row than that of {value}");
        Ok(())
    }

    /// The messages that answer those in `said`.
    async fn call(&mut self, method: Uri, said: Bytes) -> Result<Vec<Bytes>> {
        poll_fn(|ctx| self.sender.poll_ready(ctx)).await?;
        let request = Request::post(method)
            .header(header::CONTENT_TYPE, "application/grpc")
            .header(header::TE, "trailers")
            .header(header::AUTHORIZATION, &self.script.token)
            .header("x-sluice-session", &self.session)
            .body(())?;
        let (answer, mut sending) = self.sender.send_request(request, false)?;
        sending.send_data(said, true)?;
        let (head, mut body) = answer.await?.into_parts();
        ensure!(head.status.is_success(), "a call is answered with {}", head.status);
        let mut received = BytesMut::new();
        while let Some(data) = body.data().await {
            let data = data?;
            body.flow_control().release_capacity(data.len())?;
            received.put(data);
        }
        let trailers = body.trailers().await?;
        succeeded(trailers.as_ref().unwrap_or(&head.headers))?;
        unframed(received.freeze())
    }
}

/// Fails by the status that gRPC gives in `headers`, unless it is a good one.
fn succeeded(headers: &HeaderMap) -> Result<()> {
    let said = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let status = said("grpc-status");
    ensure!(status == "0", "a call failed with status {status}: {}", said("grpc-message"));
    Ok(())
}

/// `message` as gRPC sends it: whether it is compressed, its length, and its bytes.
fn framed(message: &impl Message) -> Bytes {
    let message = message.encode_to_vec();
    let mut bytes = BytesMut::with_capacity(message.len() + 5);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    bytes.extend_from_slice(&message);
    bytes.freeze()
}

/// The messages in `bytes`.
fn unframed(mut bytes: Bytes) -> Result<Vec<Bytes>> {
    let mut messages = Vec::new();
    while bytes.has_remaining() {
        ensure!(bytes.try_get_u8()? == 0, "a compressed message");
        let length = bytes.try_get_u32()? as usize;
        ensure!(length <= bytes.len(), "a message that breaks off");
        messages.push(bytes.split_to(length));
    }
    Ok(messages)
}

/// As many of `what` as were expected, and no others.
fn exactly<T, const N: usize>(what: &str, found: Vec<T>) -> Result<[T; N]> {
    found.try_into().map_err(|found: Vec<T>| anyhow!("{} {what} where {N} was expected", found.len()))
}
