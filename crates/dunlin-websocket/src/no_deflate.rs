//! Stands in for `deflate` where the feature is off: types without values, so that nothing else has to ask.

use crate::proto::Compress;

#[derive(Clone, Copy, Debug)]
pub(crate) enum DeflateParams {}

#[derive(Debug)]
pub(crate) enum Inflater {}

#[derive(Debug)]
pub(crate) enum Compressor {}

#[expect(dead_code, reason = "nothing is inflated")]
pub(crate) enum InflateError {
    Corrupt,
    TooLarge,
    TooManyFinals,
    NoState,
}

impl Inflater {
    pub(crate) fn new(params: &DeflateParams) -> Self {
        match *params {}
    }

    pub(crate) fn inflate(
        &mut self,
        _: &[u8],
        _: &mut Vec<u8>,
        _: usize,
    ) -> Result<(), InflateError> {
        match *self {}
    }

    pub(crate) fn finish(&mut self, _: &mut Vec<u8>, _: usize) -> Result<(), InflateError> {
        match *self {}
    }
}

impl Inflater {
    pub(crate) fn give_back(&mut self) {
        match *self {}
    }
}

impl Compressor {
    pub(crate) fn new(params: &DeflateParams) -> Option<Self> {
        match *params {}
    }

    pub(crate) fn wants(&self, _: usize, _: Compress) -> bool {
        match *self {}
    }

    pub(crate) fn is_ready(&mut self) -> bool {
        match *self {}
    }

    pub(crate) fn bits(&self) -> u8 {
        match *self {}
    }

    pub(crate) fn squeeze(&self, _: &[u8]) -> Option<Vec<u8>> {
        match *self {}
    }

    pub(crate) fn forget(&mut self) {
        match *self {}
    }

    pub(crate) fn end_burst(&mut self) {
        match *self {}
    }

    pub(crate) fn part(&mut self, _: &[u8], _: bool, _: &mut Vec<u8>) {
        match *self {}
    }

    pub(crate) fn compress(&mut self, _: &[u8], _: &mut Vec<u8>) -> bool {
        match *self {}
    }
}
