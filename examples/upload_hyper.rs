//! A whole upload (V2) with hyper: the domain, the file, its slices, and that it is complete. Each call carries the token,
//! also those to the upload host, which is known at run time only.

use std::error::Error;

use http_body_util::BodyExt;
use pan123_token_examples::upload::{
    COMPLETE, CREATE, Created, DOMAIN, SLICE, create, data, trusted, trusted_hosts,
};
use pan123_token_hyper::http::{Request, header::CONTENT_TYPE};
use pan123_token_hyper::{BaseUrl, Bytes, Full, TokenProvider, client, credentials_from_env};
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
    let client = client()?;
    let call = async |request: Request<Full<Bytes>>| -> Result<Value, Box<dyn Error>> {
        let response = provider.call(&client, request).await?;
        data(&response.into_body().collect().await?.to_bytes())
    };
    let post = |url: String, content_type: &str, body: Vec<u8>| {
        let request = Request::post(url).header(CONTENT_TYPE, content_type);
        request.body(Full::from(body))
    };
    let json = |path: &str, body: &Value| {
        post(
            format!("{api}{path}"),
            "application/json",
            body.to_string().into(),
        )
    };

    // Any host that may be uploaded to. Without one that this program trusts, there is no point in going on.
    let hosts = trusted_hosts()?;
    let domains = call(Request::get(format!("{api}{DOMAIN}")).body(Full::default())?).await?;
    trusted(&domains, &hosts)?;

    let content = var("PAN123_UPLOAD_CONTENT")?.into_bytes();
    let created = call(json(CREATE, &create("example.bin", &content))?).await?;
    let Some(created) = Created::read(&created, &hosts)? else {
        println!("uploaded: the platform had it already");
        return Ok(());
    };

    // The host of this file's slices, which is one of ours.
    provider.allow_origin(&created.host);
    for slice in created.slices(&content) {
        let (content_type, form) = slice.form();
        call(post(
            format!("{}{SLICE}", created.host),
            &content_type,
            form,
        )?)
        .await?;
    }
    println!(
        "uploaded: {}",
        call(json(COMPLETE, &created.complete())?).await?
    );
    Ok(())
}
