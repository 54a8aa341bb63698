//! A program in the shape of restic-123pan, around the module that replaces its `auth.rs`.

mod token_manager;

use std::error::Error;

use pan123_token_reqwest::{BaseUrl, Credentials};
use rusqlite::Connection;
use serde_json::Value;
use token_manager::TokenManager;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    if let Err(error) = run().await {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let var = |name| std::env::var(name).map_err(|error| format!("{name}: {error}"));
    let credentials = Credentials::new(var("PAN123_CLIENT_ID")?, var("PAN123_CLIENT_SECRET")?)?;
    let api: BaseUrl = var("PAN123_BASE_URL")?.parse()?;
    let trusted = [var("PAN123_UPLOAD_HOST")?.parse()?];
    let db = Connection::open(var("PAN123_DATABASE")?)?;
    let manager = TokenManager::new(credentials, api.clone(), db)?;

    println!(
        "a token until {}",
        manager.provider.token().await?.expires_at()
    );
    let request = manager
        .http_client
        .get(format!("{api}/upload/v2/file/domain"));
    let reply: Value = manager.provider.send(request).await?.json().await?;
    let named: Vec<String> = serde_json::from_value(reply["data"].clone())?;
    match manager.upload_host(&named, &trusted) {
        Some(host) => println!("uploads to {host}"),
        None => println!("no upload host to trust among {named:?}"),
    }
    Ok(())
}
