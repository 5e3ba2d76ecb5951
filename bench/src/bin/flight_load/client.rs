//! A client for load: prepared point queries over one connection, with no more between it and the socket than HTTP/2.
//!
//! It shares the cores with the server that is measured, so that whatever it spends is missing there. It is one future, with
//! no task or queue of its own, and encodes what it says over and over once.

use std::{future::poll_fn, sync::Arc, time::Duration};

use anyhow::{Context, Result, anyhow, bail, ensure};
use arrow::{
    array::{AsArray, Int64Array, RecordBatch},
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
use http::{HeaderMap, HeaderValue, Request, header};
use prost::Message;
use tokio::{net::TcpStream, time::Instant};

/// How large a window the server is given for each answer: more than one takes.
const WINDOW: u32 = 1 << 20;

/// What is said to the server, whoever says it.
pub(crate) struct Script {
    authority: String,
    token: HeaderValue,
    query: String,
    /// The messages with the parameter's type, and with each of its values from 0 on.
    schema: FlightData,
    values: Vec<Bytes>,
}

impl Script {
    /// Has `query`, which takes one `BIGINT`, asked of the server at `uri` with values from 0 to `values`.
    pub(crate) fn new(uri: &str, token: &str, query: &str, values: i64) -> Result<Self> {
        let authority = uri.strip_prefix("http://").context("the server's address begins with http://")?;
        let schema = Arc::new(Schema::new(vec![Field::new("1", DataType::Int64, false)]));
        let parameter = |value| -> Result<[FlightData; 2]> {
            let row = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(Int64Array::from(vec![value]))])?;
            let messages = batches_to_flight_data(&schema, vec![row])?;
            messages.try_into().map_err(|_| anyhow!("a parameter is a schema and a row"))
        };
        let rows = (0..values).map(|value| Ok(framed(&parameter(value)?[1])));
        Ok(Self {
            authority: authority.to_owned(),
            token: HeaderValue::try_from(format!("Bearer {token}"))?,
            query: query.to_owned(),
            schema: parameter(0)?[0].clone(),
            values: rows.collect::<Result<_>>()?,
        })
    }

    /// Queries over a connection of its own until then, in a session of the name; answers how long each query took.
    pub(crate) async fn run(&self, session: &str, first: usize, until: Instant) -> Result<Vec<Duration>> {
        let socket = TcpStream::connect(&self.authority).await?;
        socket.set_nodelay(true)?;
        let (sender, connection) =
            h2::client::Builder::new().initial_window_size(WINDOW).handshake::<_, Bytes>(socket).await?;
        let client = Client { script: self, session: HeaderValue::try_from(session)?, sender };
        alongside(connection, client.query(first, until)).await
    }
}

/// Does `work`, whose calls go through `connection`.
async fn alongside<T>(connection: Connection<TcpStream, Bytes>, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        biased;
        done = work => done,
        ended = connection => {
            ended?;
            bail!("the server closed the connection")
        }
    }
}

struct Client<'a> {
    script: &'a Script,
    session: HeaderValue,
    sender: SendRequest<Bytes>,
}

impl Client<'_> {
    async fn query(mut self, first: usize, until: Instant) -> Result<Vec<Duration>> {
        let handle = self.prepare().await?;
        let command = CommandPreparedStatementQuery { prepared_statement_handle: handle };
        let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
        let bound = framed(&self.script.schema.clone().with_descriptor(descriptor.clone()));
        let announced = framed(&descriptor);
        let mut value = first;
        let mut taken = Vec::new();
        while Instant::now() < until {
            value = (value * 31 + 7) % self.script.values.len();
            let started = Instant::now();
            self.ask(&bound, &announced, value).await?;
            taken.push(started.elapsed());
        }
        Ok(taken)
    }

    async fn prepare(&mut self) -> Result<Bytes> {
        let request = ActionCreatePreparedStatementRequest { query: self.script.query.clone(), transaction_id: None };
        let action =
            Action { r#type: "CreatePreparedStatement".to_owned(), body: request.as_any().encode_to_vec().into() };
        let [result] = exactly(self.call("DoAction", [framed(&action)]).await?)?;
        let result = arrow_flight::Result::decode(result)?;
        let result: ActionCreatePreparedStatementResult =
            Any::decode(result.body)?.unpack()?.context("no prepared statement")?;
        Ok(result.prepared_statement_handle)
    }

    /// Binds `value`, announces the execution, and fetches its row.
    async fn ask(&mut self, bound: &Bytes, announced: &Bytes, value: usize) -> Result<()> {
        let row = self.script.values[value].clone();
        let [put] = exactly(self.call("DoPut", [bound.clone(), row]).await?)?;
        // A server may name another handle there. These two keep theirs, which the next call shows.
        DoPutPreparedStatementResult::decode(PutResult::decode(put)?.app_metadata)?;
        let [info] = exactly(self.call("GetFlightInfo", [announced.clone()]).await?)?;
        let endpoint = FlightInfo::decode(info)?.endpoint.into_iter().next();
        let ticket: Ticket = endpoint.and_then(|endpoint| endpoint.ticket).context("no ticket")?;
        let messages = self.call("DoGet", [framed(&ticket)]).await?;
        let messages = messages.into_iter().map(FlightData::decode).collect::<Result<Vec<_>, _>>()?;
        let [row] = exactly(flight_data_to_batches(&messages)?)?;
        ensure!(row.num_rows() == 1, "{} rows where one was expected", row.num_rows());
        let found = row.column(0).as_primitive_opt::<Int64Type>().context("the first column is no BIGINT")?;
        ensure!(usize::try_from(found.value(0))? == value, "another row than that of {value}");
        Ok(())
    }

    /// The messages of an answer.
    async fn call<const N: usize>(&mut self, method: &str, messages: [Bytes; N]) -> Result<Vec<Bytes>> {
        poll_fn(|ctx| self.sender.poll_ready(ctx)).await?;
        let request =
            Request::post(format!("http://{}/arrow.flight.protocol.FlightService/{method}", self.script.authority))
                .header(header::CONTENT_TYPE, "application/grpc")
                .header(header::TE, "trailers")
                .header(header::AUTHORIZATION, &self.script.token)
                .header("x-sluice-session", &self.session)
                .body(())?;
        let (answer, mut sending) = self.sender.send_request(request, false)?;
        for (number, message) in messages.into_iter().enumerate() {
            sending.send_data(message, number == N - 1)?;
        }
        let (head, mut body) = answer.await?.into_parts();
        ensure!(head.status.is_success(), "{method} is answered with {}", head.status);
        let mut received = BytesMut::new();
        while let Some(data) = body.data().await {
            let data = data?;
            body.flow_control().release_capacity(data.len())?;
            received.put(data);
        }
        let trailers = body.trailers().await?;
        succeeded(method, trailers.as_ref().unwrap_or(&head.headers))?;
        unframed(received.freeze())
    }
}

/// Fails by the status that gRPC gives in `headers`, unless it is a good one.
fn succeeded(method: &str, headers: &HeaderMap) -> Result<()> {
    let said = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    ensure!(said("grpc-status") == "0", "{method} failed: {}", said("grpc-message"));
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

/// As many as were expected, and no others.
fn exactly<T, const N: usize>(found: Vec<T>) -> Result<[T; N]> {
    found.try_into().map_err(|found: Vec<T>| anyhow!("{} where {N} was expected", found.len()))
}
