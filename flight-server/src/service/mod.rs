//! The calls of Flight, each authenticated, handed to the file of its family, and counted.

mod caller;
mod control;
mod ingest;
mod keys;
mod objects;
mod operation;
mod parameters;
mod prepared;
mod put;
mod running;
mod session_options;
mod sql_info;
mod statement;
mod type_info;

use std::sync::Arc;

use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightInfo, HandshakeRequest, HandshakeResponse,
    PollInfo, PutResult, Result as ActionResult, SchemaResult, Ticket, flight_service_server::FlightService,
};
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use sluice_engine::Engine;
use tonic::{Request, Response, Status, Streaming, metadata::MetadataValue};
use tracing::Instrument;

use crate::{
    executor::Executor,
    handles::{self, Handles, Ledger, Weight},
    identity::{Identities, Peer},
    limits::{LimitOptions, Limiter, Sweeper},
    metrics::Metrics,
    sessions::Sessions,
    status, telemetry,
    wire::{
        IpcMessage,
        command::{self, Question},
    },
};
pub(crate) use caller::Caller;
use prepared::Held;
use statement::Announced;

/// What all calls share.
pub(crate) struct Core {
    pub(crate) engine: Engine,
    pub(crate) identities: Identities,
    pub(crate) sessions: Sessions,
    /// Statements that were announced and can be fetched.
    pub(crate) statements: Handles<Announced>,
    /// Prepared statements.
    pub(crate) prepared: Handles<Held>,
    /// How much both hold.
    pub(crate) ledger: Ledger,
    pub(crate) executor: Executor,
    pub(crate) limiter: Limiter,
    pub(crate) sweeper: Sweeper,
    pub(crate) limits: LimitOptions,
    pub(crate) metrics: Metrics,
}

impl Core {
    /// Takes `bytes` of what the handles of `caller` may hold. Few statements are fetched twice, so that those that were
    /// announced make room; what was prepared stays.
    fn weigh(&self, caller: &Caller, bytes: usize) -> Result<Arc<Weight>, Status> {
        let principal = &caller.identity.principal;
        let mut weight = self.ledger.weigh(principal, bytes);
        if weight.is_none() && bytes <= handles::MOST_BYTES {
            self.prepared.forget_expired();
            self.statements.make_room(principal, bytes);
            weight = self.ledger.weigh(principal, bytes);
        }
        weight.map(Arc::new).ok_or_else(status::too_much_held)
    }
}

/// The service that tonic calls.
#[derive(Clone)]
pub(crate) struct Service {
    core: Arc<Core>,
}

impl Service {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Authenticates a call, does what it asks for, and counts it.
    async fn call<M, T>(
        &self,
        method: &'static str,
        request: Request<M>,
        work: impl AsyncFnOnce(&Core, Arc<Caller>, M) -> Result<T, Status>,
    ) -> Result<Response<T>, Status> {
        let span = tracing::info_span!("rpc", method);
        let _ =
            tracing_opentelemetry::OpenTelemetrySpanExt::set_parent(&span, telemetry::parent_from(request.metadata()));
        let answered = async {
            let peer = Peer::of(&request);
            let (metadata, _, message) = request.into_parts();
            let identify = tracing::info_span!("identify");
            let caller = Caller::enter(&self.core, &metadata, &peer).instrument(identify).await?;
            let issued = caller.issued.clone();
            let answer = work(&self.core, Arc::new(caller), message).await?;
            let mut response = Response::new(answer);
            if let Some(token) = issued {
                authorize(&mut response, &token)?;
            }
            Ok(response)
        }
        .instrument(span)
        .await;
        self.count(method, &answered);
        answered
    }

    /// The messages of a ticket's answer: `DoGet`.
    pub(crate) async fn rows(&self, request: Request<Ticket>) -> Result<Response<Answers<IpcMessage>>, Status> {
        self.call("DoGet", request, async |core, caller, ticket| {
            let question = command::question_of_ticket(&ticket).map_err(|error| status::of_malformed(&error))?;
            match question {
                Question::Metadata(ask) => objects::fetch(core, &caller, ask).await,
                Question::Statement(handle) => statement::fetch(core, &caller, &handle).await,
                Question::Prepared(handle) => prepared::fetch(core, &caller, &handle).await,
                Question::Sql(_) | Question::Substrait(_) | Question::Update(_) | Question::InTransaction => {
                    Err(status::invalid("a ticket comes from GetFlightInfo"))
                }
            }
        })
        .await
    }

    fn count<T>(&self, method: &'static str, answered: &Result<T, Status>) {
        let code = answered.as_ref().err().map_or(tonic::Code::Ok, Status::code);
        if code == tonic::Code::Unauthenticated {
            self.core.metrics.authentication_failed();
        }
        self.core.metrics.rpc(method, code);
    }
}

/// Sends a token for the calls that follow.
fn authorize<T>(response: &mut Response<T>, token: &str) -> Result<(), Status> {
    let value = MetadataValue::try_from(format!("Bearer {token}"))
        .map_err(|_| status::internal("a token cannot be written into a header"))?;
    response.metadata_mut().insert("authorization", value);
    Ok(())
}

/// How long whoever is nobody yet may take to say who it is.
const HANDSHAKE: std::time::Duration = std::time::Duration::from_secs(10);

/// A stream of answers.
pub(crate) type Answers<T> = BoxStream<'static, Result<T, Status>>;

#[tonic::async_trait]
impl FlightService for Service {
    type HandshakeStream = Answers<HandshakeResponse>;
    type ListFlightsStream = Answers<FlightInfo>;
    type DoGetStream = Answers<FlightData>;
    type DoPutStream = Answers<PutResult>;
    type DoExchangeStream = Answers<FlightData>;
    type DoActionStream = Answers<ActionResult>;
    type ListActionsStream = Answers<ActionType>;

    async fn handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Self::HandshakeStream>, Status> {
        let answered = async {
            let peer = Peer::of(&request);
            let (metadata, _, mut messages) = request.into_parts();
            // Who shows its credential in the headers may send no message.
            let first = if metadata.contains_key("authorization") {
                None
            } else {
                tokio::time::timeout(HANDSHAKE, messages.message()).await.map_err(|_| status::silent())??
            };
            let payload = first.map(|message| message.payload).unwrap_or_default();
            let entered = self.core.identities.handshake(&payload, &metadata, &peer).await?;
            let token = entered.issued.unwrap_or_default();
            let answer = HandshakeResponse { protocol_version: 0, payload: token.clone().into_bytes().into() };
            let mut response = Response::new(stream::iter([Ok(answer)]).boxed());
            if !token.is_empty() {
                authorize(&mut response, &token)?;
            }
            Ok(response)
        }
        .await;
        self.count("Handshake", &answered);
        answered
    }

    async fn list_flights(&self, request: Request<Criteria>) -> Result<Response<Self::ListFlightsStream>, Status> {
        // Tables are listed by the commands for that; nothing is on offer without a question.
        self.call("ListFlights", request, async |_, _, _| Ok(stream::empty().boxed())).await
    }

    async fn get_flight_info(&self, request: Request<FlightDescriptor>) -> Result<Response<FlightInfo>, Status> {
        self.call("GetFlightInfo", request, async |core, caller, descriptor| {
            let question = command::question_of(&descriptor).map_err(|error| status::of_malformed(&error))?;
            statement::announce(core, &caller, question, descriptor).await
        })
        .await
    }

    async fn poll_flight_info(&self, request: Request<FlightDescriptor>) -> Result<Response<PollInfo>, Status> {
        let shared = Arc::clone(&self.core);
        self.call("PollFlightInfo", request, async move |_, caller, descriptor| {
            let question = command::question_of(&descriptor).map_err(|error| status::of_malformed(&error))?;
            operation::poll(&shared, &caller, question, descriptor).await
        })
        .await
    }

    async fn get_schema(&self, request: Request<FlightDescriptor>) -> Result<Response<SchemaResult>, Status> {
        self.call("GetSchema", request, async |core, caller, descriptor| {
            let question = command::question_of(&descriptor).map_err(|error| status::of_malformed(&error))?;
            let schema = statement::schema(core, &caller, question).await?;
            Ok(SchemaResult { schema: crate::wire::encoded(&schema)? })
        })
        .await
    }

    async fn do_get(&self, _request: Request<Ticket>) -> Result<Response<Self::DoGetStream>, Status> {
        Err(status::internal("DoGet is answered before it gets here"))
    }

    async fn do_put(&self, request: Request<Streaming<FlightData>>) -> Result<Response<Self::DoPutStream>, Status> {
        self.call("DoPut", request, async |core, caller, messages| {
            let answer = put::put(core, &caller, messages).await?;
            Ok(stream::iter([Ok(answer)]).boxed())
        })
        .await
    }

    async fn do_exchange(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoExchangeStream>, Status> {
        self.call("DoExchange", request, async |_, _, _| Err(status::unsupported("Flight SQL has no exchanges"))).await
    }

    async fn do_action(&self, request: Request<Action>) -> Result<Response<Self::DoActionStream>, Status> {
        self.call("DoAction", request, async |core, caller, action| {
            let answers = control::act(core, &caller, &action).await?;
            Ok(stream::iter(answers).map(|body| Ok(ActionResult { body })).boxed())
        })
        .await
    }

    async fn list_actions(&self, request: Request<Empty>) -> Result<Response<Self::ListActionsStream>, Status> {
        self.call("ListActions", request, async |_, _, _| {
            let actions = command::ACTIONS
                .map(|(name, description)| ActionType { r#type: name.to_owned(), description: description.to_owned() });
            Ok(stream::iter(actions).map(Ok).into_stream().boxed())
        })
        .await
    }
}
