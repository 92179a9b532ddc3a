//! The accept loop: hands connections to a router until it is told to stop.
//!
//! Not `axum::serve`, because header names must be written as `X-Tt-Logid`: the official Python
//! client looks them up by exact spelling.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use api::Peer;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

use crate::tls::Tls;

/// How long open requests may take to finish after a stop was asked for (own figure: container
/// platforms kill after 10 s by default in some, 30 s in others).
const GRACE: Duration = Duration::from_secs(8);
/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// After a failed accept (too many open files) before the next one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop` is ready and open requests are answered.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    router: Router,
    stop: impl Future<Output = ()>,
) {
    let mut builder = http1::Builder::new();
    builder.title_case_headers(true).timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let open = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Answers are written whole, so waiting for more to send would only delay them.
                let _ = stream.set_nodelay(true);
                let (watcher, builder) = (open.watcher(), builder.clone());
                let (tls, router) = (tls.clone(), router.clone());
                tokio::spawn(async move {
                    let Some(tls) = tls else {
                        return talk(builder, watcher, stream, Peer(peer), router).await;
                    };
                    match tokio::time::timeout(HEAD_TIMEOUT, tls.accept(stream)).await {
                        Ok(Ok(stream)) => {
                            talk(builder, watcher, stream, Peer(peer), router).await;
                        }
                        Ok(Err(error)) => tracing::debug!(%error, "no TLS with a client"),
                        Err(_) => tracing::debug!("a client did not shake hands in time"),
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(GRACE, open.shutdown()).await.is_err() {
        tracing::warn!("some requests were still open after the time for a graceful stop");
    }
}

/// Answers the requests of one connection.
async fn talk(
    builder: http1::Builder,
    watcher: Watcher,
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    peer: Peer,
    router: Router,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        let router = router.clone();
        async move { Ok::<_, Infallible>(call(router, request).await) }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn call(mut router: Router, request: Request<Body>) -> axum::response::Response {
    use tower::Service;
    match router.as_service().call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Ready when the process is asked to stop: SIGTERM, or Ctrl-C. Listens from now on, so that a
/// signal right after the start is not lost.
pub fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
