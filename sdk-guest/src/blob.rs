//! Byte strings in one allocation: building and reading the contract's `blob`.

use crate::Blob;

// A derive belongs to the definition, which wit-bindgen writes.
#[allow(clippy::derivable_impls)]
impl Default for Blob {
    fn default() -> Blob {
        Blob { ends: Vec::new(), bytes: Vec::new() }
    }
}

impl Blob {
    /// One string.
    pub fn one(string: Vec<u8>) -> Blob {
        Blob { ends: vec![string.len() as u32], bytes: string }
    }

    /// Appends a string.
    pub fn push(&mut self, string: &[u8]) {
        self.bytes.extend_from_slice(string);
        self.ends.push(self.bytes.len() as u32);
    }

    /// How many strings.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The strings in order; one whose ends do not fit is empty.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let string = self.bytes.get(start..*end as usize).unwrap_or_default();
            start = *end as usize;
            string
        })
    }
}

impl<'s> FromIterator<&'s [u8]> for Blob {
    fn from_iter<I: IntoIterator<Item = &'s [u8]>>(strings: I) -> Blob {
        let mut blob = Blob::default();
        strings.into_iter().for_each(|string| blob.push(string));
        blob
    }
}
