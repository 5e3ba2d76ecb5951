//! HTTP/2 on connections: what one may have open, how much of an answer may wait for its reader, and how one ends.
//!
//! This is what tonic's own server does, but for one thing that cannot be said to it. What has left a statement waits
//! in HTTP/2 until the client has room, and hyper lets 400 KiB of an answer wait, which is less than most batches.
//! Sending then goes to and fro between the task that answers and the one that writes, in small pieces, and each time
//! the client asks for more there is little to send at once.

use std::{
    convert::Infallible,
    io::{self, Cursor},
    pin::pin,
    time::Duration,
};

use futures::{Stream, StreamExt};
use http::{HeaderMap, Request, Response};
use hyper::{body::Incoming, server::conn::http2::Builder, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tonic::{
    Status,
    body::Body,
    service::Routes,
    transport::server::{Connected, TlsConnectInfo},
};
use tower::ServiceExt;

use crate::connections::{Connection, FIRST_WORDS, PREFACE};

/// How often an idle connection is asked whether somebody is there, and how long the answer may take.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(20));
/// How long the headers of a call may be, in bytes. JWTs with many groups are long.
const HEADER_BYTES: u32 = 64 << 10;
/// How many calls one connection may have open at a time; further ones wait. HTTP/2 recommends no fewer.
const CALLS: u32 = 100;
/// How many calls that the client has taken back may wait to be forgotten.
const TAKEN_BACK: usize = 64;
/// How many bytes of an answer may wait for the client to have room, and a piece more: a few batches.
const WAITING: usize = 4 << 20;

/// Answers calls on `connections` by `routes`, until `draining`; then takes no more of either, and ends when the last
/// call has been answered. Whoever stops waiting for that cuts off those that are left.
pub(crate) async fn serve(
    connections: impl Stream<Item = Connection>,
    tls: Option<TlsAcceptor>,
    routes: Routes,
    draining: CancellationToken,
) {
    let mut open = JoinSet::new();
    {
        let mut connections = pin!(connections.take_until(draining.cancelled()));
        loop {
            tokio::select! {
                connection = connections.next() => {
                    let Some(connection) = connection else { break };
                    open.spawn(converse(connection, tls.clone(), routes.clone(), draining.clone()));
                }
                Some(_) = open.join_next() => {}
            }
        }
        // The listener goes with them, so that nobody connects who would not be answered.
    }
    while open.join_next().await.is_some() {}
}

async fn converse(connection: Connection, tls: Option<TlsAcceptor>, routes: Routes, draining: CancellationToken) {
    let Some(tls) = tls else {
        let other_end = connection.connect_info();
        return answer_all(connection, other_end, routes, draining).await;
    };
    let encrypted = tokio::select! {
        encrypted = timeout(FIRST_WORDS, encrypted(tls, connection)) => encrypted,
        () = draining.cancelled() => return,
    };
    match encrypted {
        Ok(Ok((other_end, stream))) => answer_all(stream, other_end, routes, draining).await,
        Ok(Err(error)) => tracing::debug!(?error, "a connection could not be encrypted"),
        Err(_) => tracing::debug!("a connection was not encrypted in time, or then nobody spoke"),
    }
}

/// What `stream` carries, decrypted, once the other end has begun to speak within it: who is silent there would not even
/// be asked whether somebody is there.
async fn encrypted<S>(
    tls: TlsAcceptor,
    stream: S,
) -> io::Result<(TlsConnectInfo<S::ConnectInfo>, impl AsyncRead + AsyncWrite + Unpin + Send + 'static)>
where
    S: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    let mut stream = tls.accept(stream).await?;
    let mut words = [0; PREFACE];
    stream.read_exact(&mut words).await?;
    let other_end = stream.connect_info();
    let (reader, writer) = tokio::io::split(stream);
    Ok((other_end, tokio::io::join(Cursor::new(words).chain(reader), writer)))
}

/// Answers the calls that come through `stream` from `other_end`.
async fn answer_all<S, E>(stream: S, other_end: E, routes: Routes, draining: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    E: Clone + Send + Sync + 'static,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(other_end.clone());
        answer(routes.clone(), request.map(Body::new))
    });
    let mut connection = pin!(
        Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEPALIVE.0)
            .keep_alive_timeout(KEEPALIVE.1)
            .max_header_list_size(HEADER_BYTES)
            .max_concurrent_streams(CALLS)
            .max_pending_accept_reset_streams(TAKEN_BACK)
            .max_send_buf_size(WAITING)
            .serve_connection(TokioIo::new(stream), service)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = draining.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(?error, "a connection broke");
    }
}

/// Answers a call within the time that its caller gives it.
async fn answer(routes: Routes, request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let patience = patience(request.headers());
    let answered = routes.oneshot(request);
    let Some(patience) = patience else { return answered.await };
    let late = |_| Ok(Status::deadline_exceeded("the call took longer than its caller waits").into_http());
    timeout(patience, answered).await.unwrap_or_else(late)
}

/// How long a caller waits, as gRPC says it: at most eight digits and a unit. What cannot be read says nothing.
fn patience(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_hours(count),
        "M" => Duration::from_mins(count),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::{
        sync::Arc,
        task::{Context, Poll},
    };

    use futures::{FutureExt, future::BoxFuture};
    use http::HeaderValue;
    use tokio::io::AsyncWriteExt;
    use tokio_rustls::rustls::{self, pki_types::PrivateKeyDer};
    use tonic::{Code, server::NamedService};
    use tower::Service;

    use super::*;

    #[test]
    fn how_long_a_caller_waits_is_read_as_grpc_says_it() {
        let read = |text: &'static str| {
            patience(&HeaderMap::from_iter([(
                http::HeaderName::from_static("grpc-timeout"),
                HeaderValue::from_static(text),
            )]))
        };
        assert_eq!(read("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(read("3M"), Some(Duration::from_secs(180)));
        assert_eq!(read("99999999S"), Some(Duration::from_secs(99_999_999)));
        assert_eq!(read("82m"), Some(Duration::from_millis(82)));
        assert_eq!(read("7u"), Some(Duration::from_micros(7)));
        assert_eq!(read("0n"), Some(Duration::ZERO));
        for text in ["", "S", "5", "5s", "-5S", "+5S", "5 S", "123456789S", "1.5S"] {
            assert_eq!(read(text), None, "`{text}`");
        }
        assert_eq!(patience(&HeaderMap::new()), None);
    }

    /// A service that never answers.
    #[derive(Clone)]
    struct Silent;

    impl NamedService for Silent {
        const NAME: &'static str = "silent";
    }

    impl Service<Request<Body>> for Silent {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

        fn poll_ready(&mut self, _ctx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<Body>) -> Self::Future {
            std::future::pending().boxed()
        }
    }

    #[tokio::test]
    async fn whoever_is_silent_once_encrypted_is_waited_for_and_nothing_said_is_lost() {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
        let provider = || Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let server = rustls::ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let server = server.unwrap().with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(cert.der().clone()).unwrap();
        let client = rustls::ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let client = client.unwrap().with_root_certificates(roots).with_no_client_auth();

        let (near, far) = tokio::io::duplex(64 << 10);
        let mut taken = pin!(encrypted(TlsAcceptor::from(Arc::new(server)), near));
        let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
        let mut connecting = pin!(connector.connect("localhost".try_into().unwrap(), far));
        let mut client = tokio::select! {
            client = &mut connecting => client.unwrap(),
            _ = &mut taken => panic!("nobody has spoken"),
        };
        client.write_all(b"PRI * HTTP/2.0").await.unwrap();
        client.flush().await.unwrap();
        assert!(timeout(Duration::from_millis(100), &mut taken).await.is_err(), "that is not all of the first words");
        client.write_all(b"\r\n\r\nSM\r\n\r\nand more").await.unwrap();
        client.flush().await.unwrap();
        let (_, mut stream) = taken.await.unwrap();
        let mut words = [0; PREFACE + 8];
        stream.read_exact(&mut words).await.unwrap();
        assert_eq!(words, *b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nand more");
    }

    #[tokio::test]
    async fn a_call_ends_when_its_caller_has_waited_long_enough() {
        let request = |timeout: Option<&'static str>| {
            let mut request = Request::get("/silent/call").body(Body::empty()).unwrap();
            request.headers_mut().extend(
                timeout
                    .map(|timeout| (http::HeaderName::from_static("grpc-timeout"), HeaderValue::from_static(timeout))),
            );
            request
        };
        let routes = Routes::new(Silent);
        let response = answer(routes.clone(), request(Some("50m"))).await.unwrap();
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(status.code(), Code::DeadlineExceeded);
        let patient = timeout(Duration::from_millis(200), answer(routes, request(None))).await;
        assert!(patient.is_err(), "nobody said how long to wait");
    }
}
