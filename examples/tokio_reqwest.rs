//! Async, with reqwest: one API call. The processes of this user share its token through a file.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use pan123_token_file::FileStore;
use pan123_token_reqwest::reqwest::{Client, redirect::Policy};
use pan123_token_reqwest::{BaseUrl, TokenProvider, credentials_from_env};

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
    // `send` takes no client that follows redirects: reqwest could take the token along to another server.
    let client = Client::builder().redirect(Policy::none()).build()?;
    let request = client.get(format!("{api}/api/v1/user/info"));
    // Adds the token; if the platform rejects it, sends the call once more with another.
    let response = provider.send(request).await?;
    println!("{}", response.text().await?);
    Ok(())
}
