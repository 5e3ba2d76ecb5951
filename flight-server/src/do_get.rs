//! `DoGet`, answered without copying rows.
//!
//! The generated service hands each message to an encoder that copies it into a buffer of its own. Rows are most of what
//! a server sends, so this one call is taken out before it gets there and answered with a body made of the rows' own
//! buffers. All other calls go their usual way.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use arrow_flight::{Ticket, flight_service_server::FlightServiceServer};
use futures::{FutureExt, StreamExt, TryStreamExt, future::BoxFuture};
use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use http_body::Frame;
use tonic::{
    Request, Status, Streaming, body::Body, metadata::MetadataMap, server::NamedService,
    transport::server::TlsConnectInfo,
};
use tonic_prost::ProstDecoder;
use tower::Service as Tower;

use crate::{
    coalesced::Lent,
    connections::OtherEnd,
    service::{Answers, Service},
    wire::{IpcMessage, Pieces},
};

/// The path of the call.
const PATH: &str = "/arrow.flight.protocol.FlightService/DoGet";

/// The calls of Flight over HTTP.
#[derive(Clone)]
pub(crate) struct Flight {
    service: Service,
    others: FlightServiceServer<Service>,
    most_message_bytes: usize,
}

impl Flight {
    /// Answers calls by `service`, which are sent in messages of `most_message_bytes` at most.
    pub(crate) fn new(service: Service, most_message_bytes: usize) -> Self {
        let others = FlightServiceServer::new(service.clone())
            .max_decoding_message_size(most_message_bytes)
            .max_encoding_message_size(most_message_bytes.saturating_add(1 << 20));
        Self { service, others, most_message_bytes }
    }

    async fn do_get(self, request: http::Request<Body>) -> Result<http::Response<Body>, Status> {
        let (parts, body) = request.into_parts();
        if parts.headers.get("grpc-encoding").is_some_and(|encoding| encoding != "identity") {
            return Err(Status::unimplemented("compressed messages are not taken"));
        }
        let decoder = ProstDecoder::<Ticket>::default();
        let mut tickets = Streaming::new_request(decoder, body, None, Some(self.most_message_bytes));
        let ticket = tickets.try_next().await?.ok_or_else(|| Status::internal("Missing request message."))?;
        // The call begins when the client has said all.
        tickets.trailers().await?;
        // With TLS it is the encrypted bytes that get to the socket.
        let encrypted = parts.extensions.get::<TlsConnectInfo<OtherEnd>>().is_some();
        let other_end = parts.extensions.get::<OtherEnd>().filter(|_| !encrypted);
        let lent = other_end.map(|other_end| other_end.lent.clone()).unwrap_or_default();
        let request = Request::from_parts(MetadataMap::from_headers(parts.headers), parts.extensions, ticket);
        let (metadata, messages, extensions) = self.service.rows(request).await?.into_parts();
        let mut response = http::Response::new(Body::new(Answer::new(messages, lent)));
        *response.headers_mut() = metadata.into_headers();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        *response.extensions_mut() = extensions;
        Ok(response)
    }
}

impl NamedService for Flight {
    const NAME: &'static str = <FlightServiceServer<Service> as NamedService>::NAME;
}

impl Tower<http::Request<Body>> for Flight {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _ctx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if request.uri().path() == PATH {
            self.clone().do_get(request).map(|answered| Ok(answered.unwrap_or_else(Status::into_http))).boxed()
        } else {
            self.others.call(request)
        }
    }
}

/// The body of an answer: messages, and a status at their end.
struct Answer {
    messages: Option<Answers<IpcMessage>>,
    pieces: Pieces,
    /// How it ended, until that has been sent.
    status: Option<Status>,
}

impl Answer {
    fn new(messages: Answers<IpcMessage>, lent: Lent) -> Self {
        Self { messages: Some(messages), pieces: Pieces::through(lent), status: None }
    }
}

impl http_body::Body for Answer {
    type Data = bytes::Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        ctx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<bytes::Bytes>, Status>>> {
        loop {
            if let Some(piece) = self.pieces.next() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            let Some(messages) = self.messages.as_mut() else {
                return Poll::Ready(self.status.take().map(|status| trailers(&status).map(Frame::trailers)));
            };
            let ended = match messages.poll_next_unpin(ctx) {
                Poll::Ready(Some(Ok(message))) => {
                    self.pieces.push(message);
                    continue;
                }
                Poll::Ready(Some(Err(status))) => Some(status),
                Poll::Ready(None) => Some(Status::ok("")),
                Poll::Pending => None,
            };
            // What was joined goes out before anybody waits.
            self.pieces.close();
            if ended.is_some() {
                (self.messages, self.status) = (None, ended);
            } else if self.pieces.is_empty() {
                return Poll::Pending;
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.messages.is_none() && self.status.is_none() && self.pieces.is_empty()
    }
}

/// `status` as it is sent behind a body.
fn trailers(status: &Status) -> Result<HeaderMap, Status> {
    let mut trailers = HeaderMap::new();
    status.add_header(&mut trailers)?;
    Ok(trailers)
}
