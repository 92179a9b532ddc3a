//! A server that does nothing: the same HTTP library, settings and runtime as the product, and a
//! fixed answer of as many bytes as the path asks for (`/4200/…`). What the product is compared to.
//!
//! It reads the whole request and sends as many header bytes as the product does. It parses no body,
//! looks at no token and holds no data: the most that any server built this way could reach.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "says where it listens")]

use std::convert::Infallible;
use std::io::{Result, Write};
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The largest answer, in bytes: more than any page of the product.
const LARGEST: usize = 4 << 20;
/// What every answer is a part of.
static FILLING: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(vec![b'x'; LARGEST]));
/// As the product's gateway sends it.
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
/// As long as a log id of the product.
const LOG_ID: HeaderValue = HeaderValue::from_static("20260101000000FFFFFFFFFFFFFFFFFF");

fn main() -> Result<()> {
    // As the product does: one worker for each core that the process may use.
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve())
}

async fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    LazyLock::force(&FILLING);
    println!("http://{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    let mut builder = http1::Builder::new();
    builder.title_case_headers(true).timer(TokioTimer::new());
    builder.header_read_timeout(Duration::from_secs(30));
    loop {
        let (stream, _) = listener.accept().await?;
        connect(&builder, stream)?;
    }
}

fn connect(builder: &http1::Builder, stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let service = service_fn(answer);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    // A connection that ends early is seen by whoever loads it.
    tokio::spawn(async move { connection.await.is_ok() });
    Ok(())
}

async fn answer(
    request: Request<Incoming>,
) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    let size = request.uri().path().split('/').nth(1).and_then(|size| size.parse::<usize>().ok());
    let whole = request.into_body().collect().await.is_ok();
    let mut response = match size {
        Some(size) if whole && size <= LARGEST => Response::new(Full::new(FILLING.slice(..size))),
        _ => {
            let mut refused = Response::new(Full::default());
            *refused.status_mut() = StatusCode::BAD_REQUEST;
            refused
        }
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert("x-tt-logid", LOG_ID);
    headers.insert("x-request-id", LOG_ID);
    Ok(response)
}
