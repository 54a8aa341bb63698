//! The calls of the upload, version 2: three on the API's origin, two on the upload host's.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Slice, Upload, preupload_id};
use crate::multipart::{self, Field};
use crate::received::Received;
use crate::reply::Reply;
use crate::service::{Reading, Service, no_route, unreadable};
use crate::token_call::is_json;

/// The upload hosts. \[doc\]
const DOMAIN_PATH: &str = "/upload/v2/file/domain";
/// Announces a file. \[doc\]
const CREATE_PATH: &str = "/upload/v2/file/create";
/// Says that all slices were sent. \[doc\]
const COMPLETE_PATH: &str = "/upload/v2/file/upload_complete";
/// On the upload host: a slice. \[doc\]
const SLICE_PATH: &str = "/upload/v2/file/slice";
/// On the upload host: a whole file. \[doc\]
const SINGLE_PATH: &str = "/upload/v2/file/single/create";

impl Service {
    /// The upload's calls on the API's origin; `None` if this is none of them.
    pub(crate) fn upload_call(
        &mut self,
        path: &str,
        request: &Received,
        reading: Reading,
    ) -> Option<Reply> {
        let call = match (request.method.as_str(), path) {
            ("GET", DOMAIN_PATH) => Self::upload_domain,
            ("POST", CREATE_PATH) => Self::create,
            ("POST", COMPLETE_PATH) => Self::complete,
            _ => return None,
        };
        Some(self.authorized(request, reading, call))
    }

    /// All calls of the upload host.
    pub(crate) fn upload(&mut self, path: &str, request: &Received, reading: Reading) -> Reply {
        let call = match (request.method.as_str(), path) {
            ("POST", SLICE_PATH) => Self::slice,
            ("POST", SINGLE_PATH) => Self::single_create,
            _ => return no_route(),
        };
        self.authorized(request, reading, call)
    }

    fn authorized(
        &mut self,
        request: &Received,
        reading: Reading,
        call: fn(&mut Self, &Received) -> Result<Value, String>,
    ) -> Reply {
        if let Some(refusal) = self
            .authorize(request)
            .err()
            .or_else(|| unreadable(reading))
        {
            return refusal;
        }
        match call(self, request) {
            Ok(data) => self.grant_data(data),
            Err(message) => self.bad_request(&message),
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "the calls share one signature")]
    fn upload_domain(&mut self, _: &Received) -> Result<Value, String> {
        Ok(json!([self.settings.upload_url]))
    }

    fn create(&mut self, request: &Received) -> Result<Value, String> {
        let body = json_object(request)?;
        let text = |name: &str| {
            let text = body.get(name).and_then(Value::as_str);
            text.ok_or_else(|| format!("{name} must be a string"))
        };
        let (file_name, etag) = (text("filename")?.to_owned(), text("etag")?.to_owned());
        let size = body.get("size").and_then(Value::as_u64);
        let size = size.ok_or("size must be a number of bytes")?;
        if let Some(file_id) = self.uploads.same(&etag, size) {
            return Ok(json!({
                "fileID": file_id,
                "preuploadID": "",
                "reuse": true,
                "sliceSize": 0,
                "servers": [],
            }));
        }
        let preupload_id = preupload_id(&mut self.traces);
        self.uploads.add(Upload {
            preupload_id: preupload_id.clone(),
            file_name,
            etag,
            size,
            slices: BTreeMap::new(),
            file_id: None,
        });
        Ok(json!({
            "fileID": 0,
            "preuploadID": preupload_id,
            "reuse": false,
            "sliceSize": self.settings.slice_size,
            "servers": [self.settings.upload_url],
        }))
    }

    fn slice(&mut self, request: &Received) -> Result<Value, String> {
        let fields = form(request)?;
        let preupload_id = text(&fields, "preuploadID")?;
        let number = number(&fields, "sliceNo")?;
        let md5 = text(&fields, "sliceMD5")?.to_owned();
        let content = content(&fields, "slice")?;
        let slice_size = self.settings.slice_size;
        let upload = self.uploads.find(preupload_id);
        let upload = upload.ok_or("unknown preuploadID")?;
        if upload.file_id.is_some() {
            return Err("the upload is complete".to_owned());
        }
        let last = upload.size.div_ceil(slice_size);
        if !(1..=last).contains(&number) {
            return Err(format!("sliceNo must be from 1 to {last}"));
        }
        let length = content.len() as u64;
        let expected = slice_size.min(upload.size - (number - 1) * slice_size);
        if length != expected {
            return Err(format!("slice {number} must have {expected} bytes"));
        }
        let slice = Slice {
            md5,
            length,
            content: Some(content.to_vec()),
        };
        self.uploads.put(preupload_id, number, slice);
        Ok(Value::Null)
    }

    fn complete(&mut self, request: &Received) -> Result<Value, String> {
        let body = json_object(request)?;
        let preupload_id = body.get("preuploadID").and_then(Value::as_str);
        let preupload_id = preupload_id.ok_or("preuploadID must be a string")?;
        let upload = self.uploads.find(preupload_id);
        let upload = upload.ok_or("unknown preuploadID")?;
        if upload.received() != upload.size {
            return Err(format!(
                "{} of {} bytes have come",
                upload.received(),
                upload.size
            ));
        }
        let file_id = match upload.file_id {
            Some(file_id) => file_id,
            None => self.uploads.next_file_id(),
        };
        if let Some(upload) = self.uploads.find(preupload_id) {
            upload.file_id = Some(file_id);
        }
        Ok(json!({ "completed": true, "fileID": file_id }))
    }

    fn single_create(&mut self, request: &Received) -> Result<Value, String> {
        let fields = form(request)?;
        let file_name = text(&fields, "filename")?.to_owned();
        let etag = text(&fields, "etag")?.to_owned();
        let size = number(&fields, "size")?;
        let content = content(&fields, "file")?;
        if content.len() as u64 != size {
            return Err(format!("{} of {size} bytes have come", content.len()));
        }
        let file_id = self.uploads.next_file_id();
        self.uploads.add(Upload {
            preupload_id: String::new(),
            file_name,
            slices: BTreeMap::from([(
                1,
                Slice {
                    md5: etag.clone(),
                    length: size,
                    content: Some(content.to_vec()),
                },
            )]),
            etag,
            size,
            file_id: Some(file_id),
        });
        Ok(json!({ "completed": true, "fileID": file_id }))
    }
}

fn json_object(request: &Received) -> Result<Map<String, Value>, String> {
    if !is_json(request) {
        return Err("Content-Type is not application/json".to_owned());
    }
    match serde_json::from_slice(&request.body) {
        Ok(Value::Object(body)) => Ok(body),
        _ => Err("the body is not a JSON object".to_owned()),
    }
}

fn form(request: &Received) -> Result<Vec<Field<'_>>, String> {
    let content_type = request.header("content-type").unwrap_or_default();
    multipart::parse(content_type, &request.body)
        .ok_or_else(|| "the body is not multipart/form-data".to_owned())
}

/// The content of the first field of this name.
fn content<'a>(fields: &[Field<'a>], name: &str) -> Result<&'a [u8], String> {
    let field = fields.iter().find(|field| field.name == name);
    let field = field.ok_or_else(|| format!("the field {name} is missing"))?;
    Ok(field.content)
}

fn text<'a>(fields: &[Field<'a>], name: &str) -> Result<&'a str, String> {
    std::str::from_utf8(content(fields, name)?).map_err(|_| format!("{name} is not UTF-8"))
}

fn number(fields: &[Field<'_>], name: &str) -> Result<u64, String> {
    let text = text(fields, name)?;
    text.parse()
        .map_err(|_| format!("{name} must be a whole number"))
}
