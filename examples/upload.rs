//! What an upload (V2) says, whatever client carries it: bodies, slices, and what is made of replies.

use std::error::Error;

use md5::{Digest, Md5};
use pan123_token::{BaseUrl, Origins};
use serde_json::{Value, json};

/// The calls, in their order: which hosts there are to upload to.
pub const DOMAIN: &str = "/upload/v2/file/domain";
/// Begins a file.
pub const CREATE: &str = "/upload/v2/file/create";
/// One slice of it, to one of the upload hosts.
pub const SLICE: &str = "/upload/v2/file/slice";
/// That all slices are there.
pub const COMPLETE: &str = "/upload/v2/file/upload_complete";

/// The upload hosts that this program trusts with its token: the documented ones, and one of the user's (of an emulator).
/// No reply adds to them.
pub fn trusted_hosts() -> Result<Vec<BaseUrl>, Box<dyn Error>> {
    let documented = [
        "https://openapi-upload.123pan.com",
        "https://openapi-upload.123242.com",
    ];
    let own = std::env::var("PAN123_UPLOAD_HOST").ok();
    let hosts = documented.into_iter().map(str::to_owned).chain(own);
    Ok(hosts.map(|host| host.parse()).collect::<Result<_, _>>()?)
}

/// The first of the servers that a reply names which this program trusts.
pub fn trusted(servers: &Value, hosts: &[BaseUrl]) -> Result<BaseUrl, Box<dyn Error>> {
    let servers = servers.as_array().ok_or("no servers in the reply")?;
    for server in servers.iter().filter_map(Value::as_str) {
        let uri = server.parse()?;
        if let Some(host) = hosts.iter().find(|host| Origins::of(host).contains(&uri)) {
            return Ok(host.clone());
        }
    }
    Err(format!("none of the upload hosts is trusted: {servers:?}").into())
}

/// The `data` of a reply.
pub fn data(reply: &[u8]) -> Result<Value, Box<dyn Error>> {
    let mut reply: Value = serde_json::from_slice(reply)?;
    if reply["code"] != 0 {
        let (code, message, trace_id) = (&reply["code"], &reply["message"], &reply["x-traceID"]);
        return Err(format!("refused: code {code}, {message}, trace id {trace_id}").into());
    }
    Ok(reply["data"].take())
}

/// The body of [`CREATE`].
pub fn create(name: &str, content: &[u8]) -> Value {
    json!({"parentFileID": 0, "filename": name, "etag": md5(content), "size": content.len()})
}

/// A file that was created: what its slices are sent with.
pub struct Created {
    /// What the platform calls it until it is complete.
    pub id: String,
    slice_size: usize,
    /// Where its slices go.
    pub host: BaseUrl,
}

/// One slice, for the form of [`SLICE`].
pub struct Slice {
    /// Its text fields.
    pub fields: [(&'static str, String); 3],
    /// Its content.
    pub bytes: Vec<u8>,
}

impl Slice {
    /// The form as a client sends it that makes none by itself: its content type, and its bytes.
    pub fn form(&self) -> (String, Vec<u8>) {
        // No slice holds its own checksum.
        let boundary = format!("slice-{}", md5(&self.bytes));
        let mut form = Vec::new();
        for (name, value) in &self.fields {
            let head = format!("Content-Disposition: form-data; name=\"{name}\"");
            form.extend(format!("--{boundary}\r\n{head}\r\n\r\n{value}\r\n").bytes());
        }
        let head = "Content-Disposition: form-data; name=\"slice\"; filename=\"slice\"";
        form.extend(format!("--{boundary}\r\n{head}\r\n\r\n").bytes());
        form.extend_from_slice(&self.bytes);
        form.extend(format!("\r\n--{boundary}--\r\n").bytes());
        (format!("multipart/form-data; boundary={boundary}"), form)
    }
}

impl Created {
    /// From the data of the reply to [`CREATE`]; `None` where the platform has the file already.
    pub fn read(data: &Value, hosts: &[BaseUrl]) -> Result<Option<Self>, Box<dyn Error>> {
        if data["reuse"] == true {
            return Ok(None);
        }
        let id = data["preuploadID"]
            .as_str()
            .ok_or("no preuploadID in the reply")?;
        let size = data["sliceSize"].as_u64().filter(|size| *size > 0);
        Ok(Some(Self {
            id: id.to_owned(),
            slice_size: size.ok_or("no sliceSize in the reply")?.try_into()?,
            host: trusted(&data["servers"], hosts)?,
        }))
    }

    /// What is to be sent, slice by slice.
    pub fn slices<'a>(&'a self, content: &'a [u8]) -> impl Iterator<Item = Slice> + 'a {
        (1..)
            .zip(content.chunks(self.slice_size))
            .map(|(number, bytes)| Slice {
                fields: [
                    ("preuploadID", self.id.clone()),
                    ("sliceNo", u32::to_string(&number)),
                    ("sliceMD5", md5(bytes)),
                ],
                bytes: bytes.to_vec(),
            })
    }

    /// The body of [`COMPLETE`].
    pub fn complete(&self) -> Value {
        json!({ "preuploadID": self.id })
    }
}

fn md5(bytes: &[u8]) -> String {
    let digest: [u8; 16] = Md5::digest(bytes).into();
    format!("{:032x}", u128::from_be_bytes(digest))
}
