//! smol, and no tokio: a program on the provider of `smol_provider.rs`.

use std::error::Error;

use pan123_token::Credentials;
use pan123_token_cache::SystemClock;
use pan123_token_examples::smol_provider::TokenProvider;
use pan123_token_provider::Settings;

fn main() {
    if let Err(error) = smol::block_on(run()) {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let var = |name| std::env::var(name).map_err(|error| format!("{name}: {error}"));
    let credentials = Credentials::new(var("PAN123_CLIENT_ID")?, var("PAN123_CLIENT_SECRET")?)?;
    let settings = Settings::new(credentials, SystemClock::new())
        .base_url(var("PAN123_BASE_URL")?.parse()?)
        .on_event(|event| eprintln!("{event:?}"));
    let provider = TokenProvider::new(settings, None)?;
    // However many tasks ask, one exchange is made.
    let tasks = [(); 10].map(|()| {
        let provider = provider.clone();
        smol::spawn(async move { provider.token().await })
    });
    for task in tasks {
        println!("a token until {}", task.await?.expires_at());
    }
    Ok(())
}
