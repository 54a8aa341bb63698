//! Blocking, with ureq: one API call. The processes of this user share its token through a file.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use pan123_token_file::FileStore;
use pan123_token_ureq::{BaseUrl, TokenProvider, agent, credentials_from_env, http::Request};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
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

    let result = print_user_info(&provider, &api);
    // Also after an error: a token that has just come is saved.
    provider.flush(Duration::from_secs(5));
    result
}

fn print_user_info(provider: &TokenProvider, api: &BaseUrl) -> Result<(), Box<dyn Error>> {
    let request = Request::get(format!("{api}/api/v1/user/info")).body("")?;
    // Adds the token; if the platform rejects it, sends the call once more with another.
    let mut response = provider.call(&agent()?, request)?;
    println!("{}", response.body_mut().read_to_string()?);
    Ok(())
}
