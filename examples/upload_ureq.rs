//! A whole upload (V2) with ureq: the domain, the file, its slices, and that it is complete. Each call carries the token,
//! also those to the upload host, which is known at run time only.

use std::error::Error;

use pan123_token_examples::upload::{
    COMPLETE, CREATE, Created, DOMAIN, SLICE, create, data, trusted, trusted_hosts,
};
use pan123_token_ureq::http::{Request, header::CONTENT_TYPE};
use pan123_token_ureq::{BaseUrl, TokenProvider, agent, credentials_from_env};
use serde_json::Value;

fn main() {
    if let Err(error) = run() {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let var = |name| std::env::var(name).map_err(|error| format!("{name}: {error}"));
    let api: BaseUrl = var("PAN123_BASE_URL")?.parse()?;
    let provider = TokenProvider::builder(credentials_from_env()?)
        .base_url(api.clone())
        .build()?;
    let agent = agent()?;
    let call = |request: Request<Vec<u8>>| -> Result<Value, Box<dyn Error>> {
        let mut response = provider.call(&agent, request)?;
        data(&response.body_mut().read_to_vec()?)
    };
    let post = |url: String, content_type: &str, body: Vec<u8>| {
        let request = Request::post(url).header(CONTENT_TYPE, content_type);
        request.body(body)
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
    let domains = call(Request::get(format!("{api}{DOMAIN}")).body(Vec::new())?)?;
    trusted(&domains, &hosts)?;

    let content = var("PAN123_UPLOAD_CONTENT")?.into_bytes();
    let created = call(json(CREATE, &create("example.bin", &content))?)?;
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
        )?)?;
    }
    println!("uploaded: {}", call(json(COMPLETE, &created.complete())?)?);
    Ok(())
}
