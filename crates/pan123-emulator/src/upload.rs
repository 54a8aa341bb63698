//! The upload, version 2: what was announced, and the bytes that came.

mod calls;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use crate::mint::Mint;

/// Uploads kept at most; the oldest go first.
const KEPT_UPLOADS: usize = 1_024;

/// Bytes of slices kept at most; the oldest go first. Of those, length and MD5 are still known.
const KEPT_BYTES: u64 = 64 << 20;

/// A file that a client has announced, and as much of it as has come. From
/// [`Emulator::uploads`](crate::Emulator::uploads).
///
/// ```
/// use pan123_emulator::{CLIENT_ID, Emulator};
///
/// # use std::io::{Read, Write};
/// # /// Sends a file of 5 bytes in a single call.
/// # fn program(upload_url: &str, token: &str) -> std::io::Result<()> {
/// #     let fields = [("filename", "a.txt"), ("etag", "md5"), ("size", "5"), ("file", "hello")];
/// #     let field = |(name, content)| {
/// #         format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n")
/// #     };
/// #     let body = fields.map(field).concat() + "--x--\r\n";
/// #     let host = upload_url.trim_start_matches("http://");
/// #     let mut stream = std::net::TcpStream::connect(host)?;
/// #     write!(
/// #         stream,
/// #         "POST /upload/v2/file/single/create HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
/// #          Platform: open_platform\r\nAuthorization: Bearer {token}\r\n\
/// #          Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {}\r\n\r\n{body}",
/// #         body.len(),
/// #     )?;
/// #     stream.read_to_string(&mut String::new())?;
/// #     Ok(())
/// # }
/// let emulator = Emulator::builder().start()?;
/// let token = emulator.issue(CLIENT_ID).ok_or("the client isn't known")?;
/// // Stands for the program under test: it sends a file in a single call.
/// program(&emulator.upload_url(), &token)?;
///
/// let upload = &emulator.uploads()[0];
/// assert_eq!((upload.file_name.as_str(), upload.size), ("a.txt", 5));
/// assert_eq!(upload.content().as_deref(), Some(b"hello".as_slice()));
/// assert_eq!(upload.slices[&1].length, 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Upload {
    /// The `preuploadID`; empty for an upload in a single call, which needs none.
    pub preupload_id: String,
    /// The `filename`.
    pub file_name: String,
    /// The `etag`, the whole file's MD5 as the client says. It is not checked.
    pub etag: String,
    /// The `size` in bytes, as the client says.
    pub size: u64,
    /// The slices that came, by their number, which counts from 1; of those sent twice, the later. A file that came in a
    /// single call is one slice.
    pub slices: BTreeMap<u64, Slice>,
    /// The ID of the file, once it is complete.
    pub file_id: Option<u64>,
}

/// A part of a file. An example is with [`Upload`].
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Slice {
    /// The `sliceMD5`, as the client says. It is not checked.
    pub md5: String,
    /// How many bytes came.
    pub length: u64,
    /// The bytes; `None` once they are no longer kept, because 64 MiB of newer slices have come.
    pub content: Option<Vec<u8>>,
}

impl Upload {
    /// The bytes that came, in the order of the slices' numbers; `None` if some of them are no longer kept.
    pub fn content(&self) -> Option<Vec<u8>> {
        let mut content = Vec::new();
        for slice in self.slices.values() {
            content.extend(slice.content.as_ref()?);
        }
        Some(content)
    }

    fn received(&self) -> u64 {
        self.slices.values().map(|slice| slice.length).sum()
    }
}

/// Neither the file's name nor its bytes.
impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("size", &self.size)
            .field("slices", &self.slices)
            .field("file_id", &self.file_id)
            .finish_non_exhaustive()
    }
}

/// The length without the bytes.
impl fmt::Debug for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.length)
    }
}

/// All uploads that are kept, the oldest first.
#[derive(Default)]
pub(crate) struct Uploads {
    kept: VecDeque<Upload>,
    /// File IDs given so far.
    files: u64,
    bytes: u64,
}

impl Uploads {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Upload> {
        self.kept.iter()
    }

    pub(crate) fn find(&mut self, preupload_id: &str) -> Option<&mut Upload> {
        let mut kept = self.kept.iter_mut().filter(|_| !preupload_id.is_empty());
        kept.find(|upload| upload.preupload_id == preupload_id)
    }

    /// A complete file with this content, by what its client said of it.
    fn same(&self, etag: &str, size: u64) -> Option<u64> {
        let mut same = self
            .kept
            .iter()
            .filter(|it| it.size == size && it.etag.eq_ignore_ascii_case(etag));
        same.find_map(|upload| upload.file_id)
    }

    /// Keeps an upload, with the slices that it has.
    fn add(&mut self, upload: Upload) {
        self.bytes += kept_bytes(&upload);
        self.kept.push_back(upload);
        if self.kept.len() > KEPT_UPLOADS
            && let Some(oldest) = self.kept.pop_front()
        {
            self.bytes -= kept_bytes(&oldest);
        }
        self.forget_bytes();
    }

    /// Keeps a slice of an upload, which must be there.
    fn put(&mut self, preupload_id: &str, number: u64, slice: Slice) {
        let length = slice.length;
        let Some(upload) = self.find(preupload_id) else {
            return;
        };
        let replaced = upload.slices.insert(number, slice);
        let replaced = replaced.filter(|slice| slice.content.is_some());
        self.bytes = self.bytes + length - replaced.map_or(0, |slice| slice.length);
        self.forget_bytes();
    }

    fn forget_bytes(&mut self) {
        let slices = self.kept.iter_mut().flat_map(|it| it.slices.values_mut());
        for slice in slices {
            if self.bytes <= KEPT_BYTES {
                return;
            }
            if slice.content.take().is_some() {
                self.bytes -= slice.length;
            }
        }
    }

    fn next_file_id(&mut self) -> u64 {
        self.files += 1;
        self.files
    }
}

fn kept_bytes(upload: &Upload) -> u64 {
    let kept = upload.slices.values().filter(|it| it.content.is_some());
    kept.map(|slice| slice.length).sum()
}

/// An ID that says nothing.
fn preupload_id(mint: &mut Mint) -> String {
    format!("{:016x}{:016x}", mint.number(), mint.number())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(preupload_id: &str) -> Upload {
        Upload {
            preupload_id: preupload_id.to_owned(),
            file_name: "secret.txt".to_owned(),
            etag: "e".to_owned(),
            size: 10,
            slices: BTreeMap::new(),
            file_id: None,
        }
    }

    fn slice(length: usize) -> Slice {
        Slice {
            md5: String::new(),
            length: length as u64,
            content: Some(vec![b'x'; length]),
        }
    }

    #[test]
    fn slices_are_joined_by_number_and_the_later_of_two_counts() {
        let mut uploads = Uploads::default();
        uploads.add(upload("a"));
        for (number, content) in [(2, "c"), (1, "x"), (1, "ab")] {
            let slice = Slice {
                content: Some(content.into()),
                length: content.len() as u64,
                ..slice(0)
            };
            uploads.put("a", number, slice);
        }
        let upload = uploads.find("a").unwrap();
        assert_eq!(upload.content(), Some(b"abc".to_vec()));
        assert_eq!(upload.received(), 3);
        assert_eq!(uploads.bytes, 3);
    }

    #[test]
    fn the_oldest_bytes_are_forgotten_and_their_length_is_not() {
        let mut uploads = Uploads::default();
        uploads.add(upload("a"));
        uploads.add(upload("b"));
        for number in 1..=4 {
            uploads.put("a", number, slice(16 << 20));
        }
        assert!(uploads.find("a").unwrap().content().is_some());
        uploads.put("b", 1, slice(1));
        assert_eq!(uploads.find("a").unwrap().content(), None);
        assert_eq!(uploads.find("a").unwrap().received(), 64 << 20);
        assert_eq!(uploads.find("b").unwrap().content(), Some(b"x".to_vec()));
        assert_eq!(uploads.bytes, (48 << 20) + 1);
    }

    #[test]
    fn the_oldest_uploads_are_forgotten() {
        let mut uploads = Uploads::default();
        uploads.add(upload("first"));
        uploads.put("first", 1, slice(7));
        for number in 0..1_023 {
            uploads.add(upload(&number.to_string()));
        }
        assert!(uploads.find("first").is_some());
        uploads.add(upload("last"));
        assert!(uploads.find("first").is_none());
        assert_eq!((uploads.kept.len(), uploads.bytes), (1_024, 0));
    }

    #[test]
    fn debug_shows_no_content() {
        let mut uploads = Uploads::default();
        uploads.add(upload("a"));
        uploads.put("a", 1, slice(3));
        let shown = format!("{:?}", uploads.find("a").unwrap());
        assert!(shown.contains("[3 bytes]"), "{shown}");
        assert!(!shown.contains("secret.txt"), "{shown}");
        assert!(!shown.contains("120"), "{shown}");
    }
}
