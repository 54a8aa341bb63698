//! A whole upload (V2) with reqwest: the domain, the file, its slices, and that it is complete. Each call carries the token,
//! also those to the upload host, which is known at run time only.

use std::error::Error;
use std::time::Duration;

use pan123_token_examples::upload::{
    COMPLETE, CREATE, Created, DOMAIN, SLICE, create, data, trusted, trusted_hosts,
};
use pan123_token_reqwest::reqwest::multipart::{Form, Part};
use pan123_token_reqwest::reqwest::{Client, RequestBuilder, redirect::Policy};
use pan123_token_reqwest::{BaseUrl, TokenProvider, credentials_from_env};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    if let Err(error) = run().await {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let var = |name| std::env::var(name).map_err(|error| format!("{name}: {error}"));
    let api: BaseUrl = var("PAN123_BASE_URL")?.parse()?;
    let provider = TokenProvider::builder(credentials_from_env()?)
        .base_url(api.clone())
        .build()?;
    let client = Client::builder()
        .redirect(Policy::none())
        .timeout(Duration::from_secs(60));
    let client = client.build()?;
    let call = async |request: RequestBuilder| -> Result<Value, Box<dyn Error>> {
        data(&provider.send(request).await?.bytes().await?)
    };

    // Any host that may be uploaded to. Without one that this program trusts, there is no point in going on.
    let hosts = trusted_hosts()?;
    let domains = call(client.get(format!("{api}{DOMAIN}"))).await?;
    trusted(&domains, &hosts)?;

    let content = var("PAN123_UPLOAD_CONTENT")?.into_bytes();
    let body = create("example.bin", &content);
    let created = call(client.post(format!("{api}{CREATE}")).json(&body)).await?;
    let Some(created) = Created::read(&created, &hosts)? else {
        println!("uploaded: the platform had it already");
        return Ok(());
    };

    // The host of this file's slices, which is one of ours.
    provider.allow_origin(&created.host);
    let slice_url = format!("{}{SLICE}", created.host);
    for slice in created.slices(&content) {
        let form = slice
            .fields
            .into_iter()
            .fold(Form::new(), |form, (name, value)| form.text(name, value));
        let form = form.part("slice", Part::bytes(slice.bytes).file_name("slice"));
        call(client.post(&slice_url).multipart(form)).await?;
    }
    let complete = client
        .post(format!("{api}{COMPLETE}"))
        .json(&created.complete());
    println!("uploaded: {}", call(complete).await?);
    Ok(())
}
