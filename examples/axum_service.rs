//! A service (axum) that calls the platform for each of its requests. All of them share one token, which is renewed beside
//! them. At SIGTERM or Ctrl-C it answers the requests under way, then saves what is under way, and ends.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use pan123_token_file::FileStore;
use pan123_token_reqwest::reqwest::{Client, redirect::Policy};
use pan123_token_reqwest::{BaseUrl, TokenProvider, credentials_from_env};
use tokio::net::TcpListener;

/// Cheap to clone, so each request has its own.
#[derive(Clone)]
struct Platform {
    provider: TokenProvider,
    client: Client,
    api: BaseUrl,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let api: BaseUrl = match std::env::var("PAN123_BASE_URL") {
        Ok(url) => url.parse()?,
        Err(_) => BaseUrl::default(),
    };
    let provider = TokenProvider::builder(credentials_from_env()?)
        .base_url(api.clone())
        .store(Arc::new(FileStore::new()?))
        .on_event(|event| eprintln!("{event}"))
        .build()?;
    let platform = Platform {
        provider: provider.clone(),
        client: Client::builder()
            .redirect(Policy::none())
            .timeout(Duration::from_secs(30))
            .build()?,
        api,
    };
    let app = Router::new()
        .route("/ready", get(ready))
        .route("/user", get(user))
        .with_state(platform);

    let address = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".into());
    let listener = TcpListener::bind(address).await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, app)
        .with_graceful_shutdown(shutdown())
        .await?;
    // A renewal under way ends, its token is saved, and the lease is released for the other processes.
    provider.flush(Duration::from_secs(5)).await;
    println!("ended");
    Ok(())
}

/// For a load balancer: whether there is a token. It asks the platform only where there is none.
async fn ready(State(platform): State<Platform>) -> (StatusCode, String) {
    match platform.provider.token_within(Duration::from_secs(1)).await {
        Ok(token) => (StatusCode::OK, format!("until {}", token.expires_at())),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    }
}

async fn user(State(platform): State<Platform>) -> Result<String, (StatusCode, String)> {
    let bad_gateway = |error: &dyn Error| (StatusCode::BAD_GATEWAY, error.to_string());
    let request = platform
        .client
        .get(format!("{}/api/v1/user/info", platform.api));
    let reply = platform.provider.send(request).await;
    let reply = reply.map_err(|error| bad_gateway(&error))?;
    reply.text().await.map_err(|error| bad_gateway(&error))
}

#[cfg(unix)]
async fn shutdown() {
    use tokio::signal::unix::{SignalKind, signal};

    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[cfg(not(unix))]
async fn shutdown() {
    let _ = tokio::signal::ctrl_c().await;
}
