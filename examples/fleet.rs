//! One of many hosts that share a token through Redis. While Redis is down, the processes of this host share one through a
//! file, so an outage costs a token for each host at the most.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use pan123_token_cache::FallbackStore;
use pan123_token_file::FileStore;
use pan123_token_redis::RedisStore;
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
    let api: BaseUrl = match std::env::var("PAN123_BASE_URL") {
        Ok(url) => url.parse()?,
        Err(_) => BaseUrl::default(),
    };
    // redis://, or rediss:// for TLS. The password stands in it, so it is no argument, which `ps` would show.
    let url = std::env::var("PAN123_TOKEN_STORE").map_err(|_| "set PAN123_TOKEN_STORE")?;
    let redis = Arc::new(RedisStore::new(&url)?);
    let file = Arc::new(FileStore::new()?);
    let provider = TokenProvider::builder(credentials_from_env()?)
        .base_url(api.clone())
        .store(Arc::new(FallbackStore::new(redis, file)))
        .on_event(|event| eprintln!("{event}"))
        .build()?;

    let result = print_user_info(&provider, &api);
    provider.flush(Duration::from_secs(5));
    result
}

fn print_user_info(provider: &TokenProvider, api: &BaseUrl) -> Result<(), Box<dyn Error>> {
    let request = Request::get(format!("{api}/api/v1/user/info")).body("")?;
    let mut response = provider.call(&agent()?, request)?;
    println!("{}", response.body_mut().read_to_string()?);
    Ok(())
}
