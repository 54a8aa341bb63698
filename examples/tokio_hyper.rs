//! Async, with tokio and hyper: one API call. The processes of this user share its token through a file.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use pan123_token_file::FileStore;
use pan123_token_hyper::http::Request;
use pan123_token_hyper::{BaseUrl, TokenProvider, client, credentials_from_env};

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
    // The platform, or an emulator of it.
    let api: BaseUrl = match std::env::var("PAN123_BASE_URL") {
        Ok(url) => url.parse()?,
        Err(_) => BaseUrl::default(),
    };
    // PAN123_CLIENT_ID and PAN123_CLIENT_SECRET. One provider for the whole program: its clones share the token.
    let provider = TokenProvider::builder(credentials_from_env()?)
        .base_url(api.clone())
        .store(Arc::new(FileStore::new()?))
        .on_event(|event| eprintln!("{event}"))
        .build()?;

    let result = print_user_info(&provider, &api).await;
    // Also after an error: a token that has just come is saved.
    provider.flush(Duration::from_secs(5)).await;
    result
}

async fn print_user_info(provider: &TokenProvider, api: &BaseUrl) -> Result<(), Box<dyn Error>> {
    let request = Request::get(format!("{api}/api/v1/user/info")).body(String::new())?;
    // Adds the token; if the platform rejects it, sends the call once more with another.
    let response = provider.call(client()?, request).await?;
    let body = response.into_body().collect().await?.to_bytes();
    println!("{}", String::from_utf8_lossy(&body));
    Ok(())
}
