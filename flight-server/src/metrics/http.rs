//! `/metrics` and `/healthz` over HTTP.

use std::{future::Future, io};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing,
};
use tokio::net::TcpListener;

use super::Metrics;

/// Answers `GET /metrics` and `GET /healthz` on `listener` until `shutdown` is ready.
///
/// Nothing that is under way is waited for then: a scraper that never reads must not keep a server from ending.
///
/// # Errors
/// Those of the listener.
pub(crate) async fn serve(
    listener: TcpListener,
    metrics: Metrics,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let routes = Router::new()
        .route("/metrics", routing::get(figures))
        .route("/healthz", routing::get(health))
        .with_state(metrics);
    tokio::select! {
        served = async { axum::serve(listener, routes).await } => served,
        () = shutdown => Ok(()),
    }
}

async fn figures(State(metrics): State<Metrics>) -> impl IntoResponse {
    match metrics.text() {
        Ok(text) => (StatusCode::OK, [(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text),
        Err(error) => {
            tracing::error!(%error, "the figures cannot be written");
            (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/plain")], String::new())
        }
    }
}

async fn health(State(metrics): State<Metrics>) -> (StatusCode, &'static str) {
    if metrics.is_draining() { (StatusCode::SERVICE_UNAVAILABLE, "draining\n") } else { (StatusCode::OK, "serving\n") }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
        sync::oneshot,
    };

    use super::*;

    async fn get(address: SocketAddr, path: &str) -> String {
        let mut connection = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        connection.read_to_string(&mut response).await.unwrap();
        response
    }

    #[tokio::test]
    async fn figures_and_health_are_served_until_shutdown() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let metrics = Metrics::new().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(serve(listener, metrics.clone(), async { _ = stopped.await }));

        let figures = get(address, "/metrics").await;
        assert!(figures.starts_with("HTTP/1.1 200"), "{figures}");
        assert!(figures.contains("content-type: text/plain; version=0.0.4"), "{figures}");
        assert!(figures.contains("sluice_running_statements 0"), "{figures}");
        assert!(get(address, "/healthz").await.starts_with("HTTP/1.1 200"));
        assert!(get(address, "/").await.starts_with("HTTP/1.1 404"));

        metrics.set_draining();
        assert!(get(address, "/healthz").await.starts_with("HTTP/1.1 503"));

        // A connection that asks for nothing does not hold the end up.
        let _idle = TcpStream::connect(address).await.unwrap();
        stop.send(()).unwrap();
        serving.await.unwrap().unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}
