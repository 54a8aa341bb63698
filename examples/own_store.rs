//! A provider with a store of one's own: blocking calls with `store`, async ones with `async_store`. Each run of this program
//! finds the token of the one before.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use pan123_token_examples::async_store::DatabaseThread;
use pan123_token_examples::sqlite_store::SqliteStore;
use pan123_token_reqwest::{BaseUrl, TokenProvider, credentials_from_env};

#[tokio::main(flavor = "current_thread")]
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
    let path = std::env::var_os("PAN123_DATABASE").ok_or("set PAN123_DATABASE to a path")?;
    let store = SqliteStore::open(&PathBuf::from(path))?;

    let builder = TokenProvider::builder(credentials_from_env()?).base_url(api);
    let provider = match std::env::args().nth(1).as_deref() {
        None => builder.store(Arc::new(store)),
        Some("--async") => builder.async_store(Arc::new(DatabaseThread::start(store))),
        Some(_) => return Err("the one argument there is: --async".into()),
    }
    .build()?;

    let token = provider.token().await;
    provider.flush(Duration::from_secs(5)).await;
    println!("a token until {}", token?.expires_at());
    Ok(())
}
